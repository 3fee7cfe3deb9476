"""What a run is going to do: which project, which keywords, which engines (CONTRACT X56)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from gather.params import GatherParams
from jobs.engines import parse_options, resolve
from jobs.models import CrawlJob, Project
from jobs.services.projects import create_project
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, Conflict, InvalidInput, PixtasksError, RuleViolation

_LARGEST_ID: Final = 2**63 - 1
_MOST_SOURCES: Final = 500
"""An iteration asks every source for a page and holds what it finds in memory until it is saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run before there is one.

    Attributes:
        project: None where it is yet to be created.
        backends: per engine name, the engine that really answers.
        options: per engine name, what that engine takes.
    """

    project: Project | None
    keywords: list[str]
    engines: list[str]
    backends: dict[str, str]
    options: dict[str, dict[str, Any]]


def plan_of(params: GatherParams, caller: User) -> Plan:
    """Return what a gather would do for a caller; nothing is written.

    Raises:
        AccessDenied: the project is somebody else's.
        RuleViolation: an engine cannot be used, none is set, or there are too many sources.
    """
    project = find_project(params.projectId)
    if project is not None and not caller.is_staff and project.owner_id != caller.pk:
        raise AccessDenied
    jobs = _crawl_jobs(project)
    keywords = (
        params.options.keywords
        or _distinct((keyword for job in jobs for keyword in job.keywords), fold=True)
        or [_words(project.slug if project is not None else params.projectId)]
    )
    engines, backends, options = _engines(params.options.engines, jobs)
    if len(keywords) * len(engines) > _MOST_SOURCES:
        raise RuleViolation(
            f"{len(keywords)} keywords at {len(engines)} engines are more than {_MOST_SOURCES} sources; "
            "name fewer in options.keywords and options.engines"
        )
    return Plan(project=project, keywords=keywords, engines=engines, backends=backends, options=options)


def find_project(project_id: str) -> Project | None:
    """Return the project of that slug or, where none has it, of that number; None where there is neither."""
    project = Project.objects.filter(slug=project_id).first()
    if project is None and project_id.isascii() and project_id.isdecimal() and int(project_id) <= _LARGEST_ID:
        project = Project.objects.filter(pk=int(project_id)).first()
    return project


def project_for_run(plan: Plan, params: GatherParams, owner: User) -> Project:
    """Return the project of a plan, created where nobody has it yet.

    Raises:
        AccessDenied: somebody else has created it in this moment.
    """
    if plan.project is not None:
        return plan.project
    try:
        with transaction.atomic():
            return create_project(owner=owner, name=_words(params.projectId), slug=params.projectId, actor=owner)
    except Conflict:
        project = Project.objects.get(slug=params.projectId)
        if not owner.is_staff and project.owner_id != owner.pk:
            raise AccessDenied from None
        return project


def _crawl_jobs(project: Project | None) -> list[CrawlJob]:
    """Return the project's jobs that no gather made, the newest first."""
    if project is None:
        return []
    jobs = CrawlJob.objects.filter(project=project, gather_run__isnull=True)
    return list(jobs.order_by("-pk").only("keywords", "engines", "options"))


def _engines(
    named: Sequence[str] | None, jobs: Sequence[CrawlJob]
) -> tuple[list[str], dict[str, str], dict[str, dict[str, Any]]]:
    """Return the engines with their backends and options; of those that nobody named, the usable ones."""
    wanted = list(named or ()) or _distinct(engine for job in jobs for engine in job.engines)
    wanted = wanted or list(settings.PIXTASKS_DEFAULT_ENGINES)
    if not wanted:
        raise RuleViolation("No engine is set: name some in options.engines, or set PIXTASKS_DEFAULT_ENGINES")
    backends: dict[str, str] = {}
    options: dict[str, dict[str, Any]] = {}
    refused: list[RuleViolation] = []
    for name in wanted:
        raw = next((job.options[name] for job in jobs if name in job.options), None)
        try:
            backends[name] = _usable(name, raw)
        except RuleViolation as error:
            refused.append(error)
            continue
        if raw is not None:
            options[name] = raw
    if refused and (named or not backends):
        raise refused[0]
    return list(backends), backends, options


def _usable(name: str, raw: dict[str, Any] | None) -> str:
    try:
        engine = resolve(name)
        parse_options(engine, raw)
    except InvalidInput as error:
        raise RuleViolation(
            f"The engine {name!r} needs options ({error.message}); a gather takes them from the project's latest "
            "crawl job with that engine"
        ) from error
    except PixtasksError as error:
        raise RuleViolation(error.message) from error
    return engine.name


def _words(slug: str) -> str:
    return " ".join(re.split(r"[-_]+", slug)).strip()[:100].strip() or slug[:100]


def _distinct(items: Iterable[str], *, fold: bool = False) -> list[str]:
    first: dict[str, str] = {}
    for item in items:
        first.setdefault(item.casefold() if fold else item, item)
    return list(first.values())
