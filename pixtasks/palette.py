"""What the console's search (Ctrl K) finds besides the names of its lists: one row by what people copy and paste.

Only what an index answers is asked, so a search takes as long over a million rows as over ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from jobs.models import CrawlJob, Image, Project
from pixtasks.accounts.models import User
from pixtasks.sidebar import GROUPS
from tasktypes.models import Task

AT_MOST: Final = 5
"""Rows of one kind."""
_DIGEST = re.compile(r"[0-9a-f]{6,64}\Z")
_BIGGEST: Final = 2**63 - 1


def find(request: HttpRequest, term: str) -> list[SearchResult]:
    """Return pages by their name, and rows by number, public id, slug, email, or the beginning of a file's sha256.

    Args:
        term: what somebody typed, in lower case.
    """
    wanted = term.replace("\0", "").strip()  # PostgreSQL takes no such character.
    return [*_pages(request, wanted), *_rows(request, wanted)] if wanted else []


def _pages(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    for group, entries in GROUPS:
        for entry in entries:
            # Lists of models are found by unfold itself.
            named = term in entry.title.lower() and not entry.route.endswith("_changelist")
            if named and (not entry.permission or request.user.has_perm(entry.permission)):
                yield SearchResult(entry.title, group or "Console", reverse(f"admin:{entry.route}"), entry.icon)


def _rows(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    may = request.user.has_perm
    number = int(term.lstrip("#")) if re.fullmatch(r"#?\d{1,19}", term) else None
    key: dict[str, Any] | None = {"pk": number} if number is not None and number <= _BIGGEST else None
    if may("jobs.view_crawljob") and key:
        yield from _found(CrawlJob.objects.filter(**key), "travel_explore", "Job")
    if may("tasktypes.view_task"):
        yield from _found(Task.objects.filter(**(key or {"public_id": term})), "checklist", "Task")
    if may("jobs.view_image"):
        if key:
            yield from _found(Image.objects.filter(**key), "image", "Image")
        if _DIGEST.match(term):
            yield from _found(Image.objects.filter(sha256__startswith=term), "image", "Image")
    if may("jobs.view_project"):
        yield from _found(Project.objects.filter(**(key or {"slug": term})), "folder_open", "Project")
    if may("accounts.view_user") and "@" in term:
        yield from _found(User.objects.filter(email=term), "person", "User")


def _found(rows: QuerySet[Any], icon: str, kind: str) -> Iterator[SearchResult]:
    for row in rows[:AT_MOST]:
        options = row._meta
        page = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
        yield SearchResult(str(row), f"{kind} {row.pk}", page, icon)
