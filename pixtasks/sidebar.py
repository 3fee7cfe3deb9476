"""The console's sidebar: what an operator looks for, in the order of his work.

An entry shows to those who may view what it leads to; a group without entries does not show. Every model of the
console stands in exactly one group, the rarely wanted ones under "Internals".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """One link.

    Attributes:
        title: what it says.
        icon: name of a Material symbol.
        route: name of the route it leads to, without ``admin:``.
        permission: what one needs to see it; empty: whoever may enter the console.
    """

    title: str
    icon: str
    route: str
    permission: str = ""


def rows(title: str, icon: str, model: str) -> Entry:
    """Return the entry of a model's list; ``model`` is its label, such as ``jobs.crawljob``."""
    app, _, name = model.partition(".")
    return Entry(title, icon, f"{app}_{name}_changelist", f"{app}.view_{name}")


GROUPS: Final[tuple[tuple[str, tuple[Entry, ...]], ...]] = (
    ("", (Entry("Dashboard", "dashboard", "index"),)),
    (
        "Datasets",
        (
            rows("Projects", "folder_open", "jobs.project"),
            rows("Jobs", "travel_explore", "jobs.crawljob"),
            Entry("Gallery", "photo_library", "jobs_image_gallery", "jobs.view_image"),
            rows("Images", "image", "jobs.image"),
            rows("Validation", "fact_check", "jobs.validationrun"),
            rows("Failures", "broken_image", "jobs.fetchfailure"),
            rows("Retries of failures", "replay", "jobs.refetchrun"),
            rows("Budget moves", "move_up", "jobs.budgetmove"),
            rows("Opt-outs", "block", "jobs.optout"),
            rows("Engines", "hub", "jobs.enginestate"),
        ),
    ),
    (
        "Gather",
        (
            rows("Runs", "autorenew", "gather.gatherrun"),
            rows("Records", "receipt_long", "gather.gatherrecord"),
            Entry("Gather schedules", "event_repeat", "gather_gatherrun_schedules", "gather.view_gatherrun"),
        ),
    ),
    (
        "Work",
        (
            rows("Tasks", "checklist", "tasktypes.task"),
            Entry("Launch", "rocket_launch", "tasktypes_task_launch", "accounts.operate"),
            rows("Task types", "category", "tasktypes.tasktype"),
            rows("Groups of tasks", "workspaces", "tasktypes.taskgroup"),
            rows("Workers", "memory", "tasktypes.worker"),
            rows("Schedules", "calendar_clock", "django_celery_beat.periodictask"),
        ),
    ),
    (
        "Delivery",
        (
            rows("Webhook endpoints", "webhook", "tasktypes.webhookendpoint"),
            rows("Deliveries", "outbox", "tasktypes.webhookdelivery"),
        ),
    ),
    (
        "Administration",
        (
            rows("Users", "person", "accounts.user"),
            rows("Roles", "shield_person", "auth.group"),
            rows("API keys", "key", "accounts.apikey"),
            rows("Audit log", "history", "accounts.auditentry"),
        ),
    ),
    (
        "Internals",
        (
            rows("Chunks", "grid_view", "jobs.chunk"),
            rows("Verdicts", "gavel", "jobs.verdict"),
            rows("Issues", "report", "jobs.issue"),
            rows("Decisions", "rule", "jobs.decision"),
            rows("Released images", "lock_open", "jobs.quarantinerelease"),
            rows("Gather sources", "input", "gather.gathersource"),
            rows("Received events", "move_to_inbox", "gather.receivedevent"),
            rows("Task events", "timeline", "tasktypes.taskevent"),
            rows("Processes", "developer_board", "tasktypes.process"),
            rows("Rate limits", "speed", "tasktypes.bucket"),
            rows("Counted starts", "timer", "tasktypes.bucketstart"),
            rows("Totals", "functions", "tasktypes.tallydelta"),
            rows("Throughput", "show_chart", "tasktypes.throughput"),
            rows("Faults of sources", "cloud_off", "tasktypes.sourcefault"),
            rows("Scheduled slots", "event_available", "tasktypes.scheduledslot"),
            rows("Crontabs", "calendar_month", "django_celery_beat.crontabschedule"),
            rows("Intervals", "more_time", "django_celery_beat.intervalschedule"),
            rows("Clocked", "alarm", "django_celery_beat.clockedschedule"),
            rows("Solar events", "wb_sunny", "django_celery_beat.solarschedule"),
            rows("Celery results", "data_object", "django_celery_results.taskresult"),
            rows("Celery group results", "data_array", "django_celery_results.groupresult"),
            rows("Idempotency records", "content_copy", "accounts.idempotencyrecord"),
            rows("Signed-out tokens", "token", "token_blacklist.outstandingtoken"),
            rows("Refused tokens", "block", "token_blacklist.blacklistedtoken"),
        ),
    ),
)
"""Title and entries of each group."""
COLLAPSED: Final = "Internals"
"""The group that is closed unless one of its pages is open."""


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups and entries that the caller may see, as unfold wants them.

    The page that is open belongs to the entry with the longest matching address: the page of gather schedules lies
    below that of the runs, and is not one of them.
    """
    shown = [(title, [(entry, _address(entry)) for entry in _allowed(request, entries)]) for title, entries in GROUPS]
    here = _here(request.path, [address for _, links in shown for _, address in links])
    return [
        {
            "title": title,
            "collapsible": title == COLLAPSED,
            "items": [
                {"title": entry.title, "icon": entry.icon, "link": address, "active": address == here}
                for entry, address in links
            ],
        }
        for title, links in shown
        if links
    ]


def _allowed(request: HttpRequest, entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if not entry.permission or request.user.has_perm(entry.permission)]


def _address(entry: Entry) -> str:
    return reverse(f"admin:{entry.route}")


def _here(path: str, addresses: list[str]) -> str:
    index = reverse("admin:index")
    matching = [address for address in addresses if path == address or (address != index and path.startswith(address))]
    return max(matching, key=len, default="")
