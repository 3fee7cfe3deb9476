"""The failures of a job on its page: which are meant, how many would be tried again, and the button that does it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from jobs.console.filters import a_job
from jobs.models import CrawlJob
from jobs.services.failures import FailureFilter, failed_classes, failure_hosts
from jobs.services.meanings import outcome_meaning
from jobs.services.refetch import start_refetch
from jobs.services.refetch_plan import RefetchPlan, classes_of, plan_refetch
from pixtasks.accounts.console.pages import actor_of, ask, confirmed
from pixtasks.common.errors import InvalidInput, PixtasksError
from pixtasks.common.screen import counted

_LONGEST: Final = 255
_MANY: Final = 50_000
"""Of more failures the page counts only what somebody asks for: that takes longer than a page may."""


def failures_context(job: CrawlJob, request: HttpRequest, *, may_retry: bool) -> dict[str, Any]:
    """Return what the panel shows: the filter that the address asks for, and how many candidates fit it."""
    failed = failed_classes(job.outcomes)
    if not (may_retry and failed):
        return {"retry": None}
    given = _given(request.GET)
    wanted, fault = _read(given)
    many = sum(failed.values()) > _MANY
    uncounted = many and "count" not in request.GET
    plan = RefetchPlan() if wanted is None or uncounted else plan_refetch(job, wanted)
    return {
        "retry": {
            "plan": plan,
            "counts": list(plan.classes.items()),  # A template would ask the Counter for its key "items".
            "button": f"Try {counted(plan.candidates, 'candidate')} again",
            "fault": fault,
            "given": given,
            "classes": [(name, number, name in given["class"].split(",")) for name, number in failed.items()],
            "hosts": [] if many else failure_hosts(job),
            "uncounted": uncounted,
            "meant": ", ".join(classes_of(job, wanted)) if wanted is not None else "",
            "url": f"{reverse('admin:jobs_crawljob_retry_failures', args=[job.pk])}?{urlencode(_said(given))}",
            "clear": reverse("admin:jobs_crawljob_change", args=[job.pk]),
        }
    }


def retry_failures_page(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Say what trying failures again means, ask, and do it."""
    job = a_job(pk)
    back = reverse("admin:jobs_crawljob_change", args=[pk])
    given = _given(request.POST if request.method == "POST" else request.GET)
    wanted, fault = _read(given)
    if wanted is None:
        messages.warning(request, fault)
        return redirect(back)
    words = ", ".join(classes_of(job, wanted)) or "a class that may succeed later"
    if not confirmed(request):
        plan = plan_refetch(job, wanted)
        if not plan.candidates:
            messages.warning(request, f"Nothing that ended as {words} can be tried again{_why(plan)}.")
            return redirect(back)
        meaning = outcome_meaning(wanted.outcomes[0]) if len(wanted.outcomes) == 1 else ""
        return ask(
            model_admin,
            request,
            title=f"Retry {counted(plan.candidates, 'candidate')} that ended as {', '.join(plan.classes)}?",
            text=f"{meaning} They are fetched again, those of chunks that lack images. Finished chunks are not "
            "crawled again, and no chunk gets more images than it was asked for.".strip(),
            button="Retry them",
            back=back,
            fields=_said(given),
        )
    try:
        who = actor_of(request)
        run = start_refetch(job, wanted, who["actor"], address=who["address"]).run
        number = counted(run.failures_count, "candidate")
        messages.success(request, f"{number} that ended as {run.what} will be tried again.")
    except PixtasksError as error:
        messages.warning(request, error.message)
    return redirect(back)


def _why(plan: RefetchPlan) -> str:
    if plan.being_tried:
        return ": they are being tried already"
    if plan.full:
        return ": their chunks have the images that they were asked for"
    return "; choose others on this page"


def _given(values: QueryDict) -> dict[str, str]:
    """Return what the form says, as it was written; several classes are one text, with commas."""
    classes = [name for text in values.getlist("class") for name in text.split(",") if name]
    fields = {name: values.get(name, "").strip()[:_LONGEST] for name in ("host", "from", "until", "zone", "eligible")}
    return {"class": ",".join(dict.fromkeys(classes))[:2000], **fields}


def _said(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if value}


def _read(given: Mapping[str, str]) -> tuple[FailureFilter | None, str]:
    """Return which failures are meant; None where that cannot be read, and why."""
    try:
        wanted = FailureFilter(
            outcomes=tuple(filter(None, given["class"].split(","))),
            host=given["host"],
            failed_from=_moment(given["from"], given["zone"]),
            failed_until=_moment(given["until"], given["zone"]),
            eligible_only=bool(given["eligible"]),
        )
        wanted.check()
    except InvalidInput:
        return None, "The time until which must be later than the time from which."
    except (ValueError, KeyError, OSError, OverflowError):
        return None, "Write times as a date and a time of day, such as 2026-01-31T12:04."
    return wanted, ""


def _moment(text: str, zone: str) -> datetime | None:
    """Return the moment that was written, in the zone that the browser named or else UTC."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone or "UTC"))).astimezone(UTC)
