"""The pages that ``benchmarks/console.py`` asks for: found by walking the console, not listed by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Max, Model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from benchmarks.console import Page

STAFF = "owner1@example.com"
OWNER = "owner9@example.com"
SEARCHED = ("keyword", "owner7@example.com", "nothinglikethis", "123456")
"""A word that many rows hold, one of few, one of none, and a number."""
CHOICES = 4
"""How many choices of each filter are asked for, the last one among them."""

# Pages that are no model's list and no row's: name of the route, its arguments, and the query. Job 1 has the most
# images, job 2 the most chunks; image 777 is one of job 1's.
Named = tuple[str, dict[str, Any], str]
_JOB: tuple[Named, ...] = tuple(
    (f"admin:jobs_crawljob_{name}", {"pk": job}, query)
    for job in (1, 2)
    for name, query in (("live", ""), ("grid", ""), ("log", ""), ("retry_failures", "?class=http_404"))
)
_GALLERY: tuple[Named, ...] = tuple(
    (f"admin:jobs_image_gallery{name}", {}, query)
    for name, queries in {
        "": ("", "?job=1", "?job=2", "?project=5"),
        "_tiles": (
            "", "?job=1", "?job=1&before=50000", "?job=1&verdict=invalid", "?job=1&issue=near_duplicate",
            "?job=1&keyword=keyword+3", "?job=1&engine=directory", "?job=1&engine=nothing", "?job=1&license=by",
            "?job=1&decision=reject", "?issue=blurry", "?verdict=unchecked", "?engine=nothing", "?license=nothing",
            "?keyword=keyword+999", "?decision=reject",
        ),
        "_thresholds": ("?job=1",),
        "_preview": ("?job=1&min_sharpness=0.5&drops=blurry",),
    }.items()
    for query in queries
)  # fmt: skip
MORE: tuple[Named, ...] = (
    ("admin:index", {}, ""),
    ("admin:console_dashboard_facts", {}, ""),
    *(
        ("admin:console_dashboard_panel", {"name": name}, "")
        for name in ("summary", "throughput", "work", "engines", "upkeep")
    ),
    ("admin:search", {}, "?s=job"),
    ("admin:search", {}, "?s=123456"),
    ("admin:jobs_crawljob_change", {"object_id": 1}, ""),
    ("admin:jobs_crawljob_change", {"object_id": 2}, ""),
    ("admin:jobs_crawljob_new", {}, ""),
    *_JOB,
    ("admin:jobs_image_change", {"image_id": 777}, "?job=1"),
    *_GALLERY,
    ("admin:tasktypes_task_change", {"object_id": 990_000}, ""),
    ("admin:tasktypes_task_live", {"pk": 990_000}, ""),
    ("admin:tasktypes_task_events", {"pk": 990_000}, ""),
    ("admin:tasktypes_task_head", {}, ""),
    ("admin:tasktypes_task_launch", {}, ""),
    ("admin:tasktypes_task_launch", {}, "?type=ExampleDatabaseTask"),
    ("admin:tasktypes_task_batch", {}, "?verb=retry&status=failed"),
    ("admin:tasktypes_tasktype_handlers", {}, ""),
    ("admin:gather_gatherrun_live", {"pk": 7}, ""),
    ("admin:gather_gatherrun_schedules", {}, ""),
    ("admin:gather_gatherrun_schedule", {}, ""),
)
# The pages of somebody who is no staff: he owns the projects 8, 58, 108 and 158, and by them the jobs 7, 57 and so on.
WEB: tuple[Named, ...] = (
    ("web:home", {}, ""),
    ("web:now", {}, ""),
    ("web:projects", {}, ""),
    ("web:project", {"project_id": 8}, ""),
    ("web:new-project", {}, ""),
    ("web:new-job", {}, ""),
    *((f"web:{name}", {"job_id": 7}, "") for name in ("job", "job-now", "job-newest", "job-chunks")),
    ("gallery", {}, ""),
    ("gallery-tiles", {}, ""),
    ("gallery-tiles", {}, "?verdict=invalid"),
    ("gallery-tiles", {}, "?engine=nothing"),
    ("web:account", {}, ""),
)


def visitors() -> tuple[Client, Client]:
    """Return who looks: a member of the staff, and an owner who is none."""
    from pixtasks.accounts.models import User

    clients = []
    for email in (STAFF, OWNER):
        client = Client(SERVER_NAME="localhost", raise_request_exception=False)
        client.force_login(User.objects.get(email=email))
        clients.append(client)
    return clients[0], clients[1]


def pages(clients: tuple[Client, Client], wanted: Collection[str] = ()) -> Iterator[tuple[Page, Client]]:
    """Yield every page with who asks for it. Lists are opened on the way, to see their filters.

    Args:
        wanted: parts of paths, or "console" and "web" for the pages that are no model's; nothing means all.
    """
    for page, client in _all(*clients, wanted):
        if page.group in wanted or _is_wanted(page.path, wanted):
            yield page, client


def _is_wanted(path: str, wanted: Collection[str]) -> bool:
    return not wanted or any(part in path for part in wanted)


def _all(staff: Client, owner: Client, wanted: Collection[str]) -> Iterator[tuple[Page, Client]]:
    for name, arguments, query in MORE:
        if (path := _path(name, arguments)) is not None:
            yield Page("console", path.removeprefix("/admin/") + query, path + query), staff
    for model, page in admin.site._registry.items():
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        if _is_wanted(path, wanted) or any(part.startswith(path) for part in wanted):
            for found in _of_model(model, page, staff):
                yield found, staff
    for name, arguments, query in WEB:
        if (path := _path(name, arguments)) is not None:
            yield Page("web", path + query, path + query), owner


def _path(name: str, arguments: dict[str, Any]) -> str | None:
    try:
        return reverse(name, kwargs=arguments)
    except NoReverseMatch:
        return None


def _of_model(model: type[Model], page: admin.ModelAdmin[Any], client: Client) -> Iterator[Page]:
    options = model._meta
    group = options.label_lower
    base = f"admin:{options.app_label}_{options.model_name}"
    path = reverse(f"{base}_changelist")
    yield Page(group, "list", path)
    newest = model._default_manager.aggregate(newest=Max("pk"))["newest"]
    if newest is not None:
        yield Page(group, "row", reverse(f"{base}_change", args=[newest]))
    request = client.get(path).wsgi_request
    if page.has_add_permission(request):
        yield Page(group, "add", reverse(f"{base}_add"))
    changes = _changelist(page, client, path)
    if changes is None:
        return
    yield Page(group, "second page", f"{path}?p=2")
    yield Page(group, "page 1000", f"{path}?p=1000")
    if changes.search_fields:
        for word in SEARCHED:
            yield Page(group, f"search {word}", f"{path}?{urlencode({'q': word})}")
    for spec in changes.filter_specs:
        choices = [str(choice["query_string"]) for choice in spec.choices(changes) if "query_string" in choice][1:]
        for query in [*choices[: CHOICES - 1], *choices[-1:]] if len(choices) > CHOICES else choices:
            yield Page(group, f"{spec.title} {query[1:]}", path + query)
    if changes.date_hierarchy:
        yield Page(group, "a month", f"{path}?{urlencode(_month(changes.date_hierarchy))}")
    for number, _ in enumerate(changes.list_display):
        if changes.list_display[number] in (changes.sortable_by or ()) or changes.sortable_by is None:
            yield Page(group, f"by {changes.list_display[number]}", f"{path}?o={number}")


def _month(column: str) -> dict[str, int]:
    from django.utils import timezone

    now = timezone.now()
    return {f"{column}__year": now.year, f"{column}__month": now.month}


def _changelist(page: admin.ModelAdmin[Any], client: Client, path: str) -> Any:
    """Return the list as the page sees it; None where the list is a page of another kind."""
    answer = client.get(path)
    return (answer.context_data or {}).get("cl") if hasattr(answer, "context_data") else None
