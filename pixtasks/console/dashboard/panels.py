"""The pieces that the dashboard is made of: what each shows, who may see it, and how often it is asked for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from jobs.models import CrawlJob, Project
from pixtasks.accounts.models import ApiKey, User
from pixtasks.console.dashboard import flow, upkeep, work
from pixtasks.console.dashboard.charts import chart, per_minute
from pixtasks.console.dashboard.work import Failures, Staff, Work

Viewer = User | AnonymousUser
TASKS: Final = "tasktypes.view_task"
JOBS: Final = "jobs.view_crawljob"
IMAGES: Final = "jobs.view_image"
SCHEDULES: Final = "django_celery_beat.view_periodictask"


class Reading:
    """What one request reads, once for all panels.

    Args:
        user: for whom.
    """

    def __init__(self, user: Viewer) -> None:
        self.user = user

    def may(self, permission: str) -> bool:
        """Whether he has a permission."""
        return self.user.has_perm(permission)

    @cached_property
    def work(self) -> Work:
        """What runs and waits."""
        return work.work()

    @cached_property
    def failures(self) -> Failures:
        """What failed."""
        return work.failures()

    @cached_property
    def staff(self) -> Staff:
        """Who works."""
        return work.staff()

    @cached_property
    def hour(self) -> tuple[flow.Flow, flow.Flow]:
        """Images and tasks of the last hour."""
        return flow.last_hour()

    @cached_property
    def rates(self) -> flow.Rates:
        """The charts."""
        return flow.Rates(*self.hour, *flow.last_day())


@dataclass(frozen=True, slots=True)
class Panel:
    """One piece of the page.

    Attributes:
        name: of its template and of its address.
        permissions: any of them lets one see it.
        every: milliseconds between two refreshes at least.
        read: returns the template's context.
    """

    name: str
    permissions: tuple[str, ...]
    every: int
    read: Callable[[Reading], dict[str, Any]]

    @property
    def url(self) -> str:
        """Where its newest state comes from."""
        return reverse("console_dashboard_panel", args=[self.name])

    def allowed(self, user: Viewer) -> bool:
        """Whether somebody may see it."""
        return any(user.has_perm(permission) for permission in self.permissions)

    def html(self, request: HttpRequest, reading: Reading) -> SafeString:
        """Return it as it is now."""
        context = self.read(reading)
        return render_to_string(f"pixtasks/console/dashboard/{self.name}.html", context, request)


def _summary(reading: Reading) -> dict[str, Any]:
    images, tasks = reading.hour
    return {
        "work": reading.work,
        "failures": reading.failures,
        "staff": reading.staff,
        "waiting": work.waiting(),
        "images": images,
        "tasks": tasks,
        "images_pace": per_minute(images.pace),
        "tasks_pace": per_minute(tasks.pace),
        "failed_url": failed_url(),
    }


def _throughput(reading: Reading) -> dict[str, Any]:
    return {
        "charts": [
            {
                "title": f"{one.title} per minute",
                "span": "last hour" if one.minutes == 1 else "last 24 hours",
                "total": one.total,
                "peak": per_minute(one.peak),
                "figure": chart(one),
            }
            for one in reading.rates.by_name.values()
        ]
    }


def _work(reading: Reading) -> dict[str, Any]:
    return {
        "work": reading.work,
        "failures": reading.failures,
        "staff": reading.staff,
        "failed_url": failed_url(),
        "list_url": reverse("admin:tasktypes_task_changelist"),
        "development": settings.PIXTASKS_PROFILE == "development",
    }


def _engines(reading: Reading) -> dict[str, Any]:
    return {"engines": flow.engine_health(), "may_view_tasks": reading.may(TASKS)}


def _upkeep(reading: Reading) -> dict[str, Any]:
    return {
        "storage": upkeep.storage() if reading.may(IMAGES) else None,
        "runs": upkeep.next_runs() if reading.may(SCHEDULES) else None,
        "doctor": upkeep.doctor() if reading.may(TASKS) else None,
        "may_view_tasks": reading.may(TASKS),
    }


PANELS: Final = {
    panel.name: panel
    for panel in (
        Panel("summary", (TASKS,), 1500, _summary),
        Panel("throughput", (TASKS,), 5000, _throughput),
        Panel("work", (TASKS,), 2000, _work),
        Panel("engines", (JOBS,), 10_000, _engines),
        Panel("upkeep", (IMAGES, SCHEDULES, TASKS), 30_000, _upkeep),
    )
}
"""By name, in the order of the page."""


def failed_url() -> str:
    """Return the list of the tasks that failed."""
    return f"{reverse('admin:tasktypes_task_changelist')}?status=failed"


def first_steps(user: Viewer) -> list[dict[str, Any]]:
    """Return the three things to do first, each with whether it is done; none once a job has been made."""
    if not user.has_perm(JOBS) or CrawlJob.objects.exists():
        return []
    sample = " The engine “sample” needs no network and no account." if settings.PIXTASKS_SAMPLES else ""
    steps = (
        (
            "Create a project",
            "A project is the dataset that jobs fill with images.",
            "jobs_project",
            "jobs.add_project",
            Project.objects.exists(),
        ),
        (
            "Start a job",
            f"Keywords times engines: every pair is a chunk that a worker crawls.{sample}",
            "jobs_crawljob",
            "accounts.operate",
            False,
        ),
        (
            "Make an API key",
            "Programs start jobs and launch tasks over HTTP, and see what you see here.",
            "accounts_apikey",
            "accounts.add_apikey",
            ApiKey.objects.exists(),
        ),
    )
    return [
        {
            "title": title,
            "text": text,
            "url": reverse(f"admin:{route}_add") if user.has_perm(permission) and not done else "",
            "done": done,
        }
        for title, text, route, permission, done in steps
    ]


def facts(user: Viewer) -> dict[str, Any]:
    """Return what the panels show as plain data, as far as somebody may see it."""
    found: dict[str, Any] = {}
    reading = Reading(user)
    if user.has_perm(TASKS):
        here = reading.staff
        found |= {
            "work": asdict(reading.work),
            "oldest_waiting": asdict(oldest) if (oldest := work.waiting()) else None,
            "failures_24h": asdict(reading.failures),
            "workers": [asdict(worker) for worker in here.workers],
            "dispatchers": [process.name for process in here.dispatchers],
            "schedulers": [process.name for process in here.schedulers],
            "throughput": {
                name: {
                    "begins_at": one.begins_at,
                    "minutes": one.minutes,
                    **{strand.name: strand.values for strand in one.strands},
                }
                for name, one in reading.rates.by_name.items()
            },
        }
    if user.has_perm(JOBS):
        found["engines"] = [{**asdict(one), "success": one.success} for one in flow.engine_health()]
    if user.has_perm(IMAGES):
        found["storage"] = asdict(upkeep.storage())
    if user.has_perm(SCHEDULES):
        found["next_runs"] = [asdict(run) for run in upkeep.next_runs().next]
    return found
