"""The sliders of the validation thresholds: what would change, and judging again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from jobs.models import CrawlJob, Image, ValidationRun
from jobs.pages.frame import Frame, actor_of, asked, can_decide, number, tile_of
from jobs.services import thresholds as limits
from jobs.services.gallery import Scope
from jobs.services.meanings import issue_meaning
from jobs.services.thresholds import ISSUES, SLIDERS, Slider
from jobs.validators import Thresholds
from pixtasks.common.errors import NotFound, PixtasksError

_RUNS = 8
_CONFIRMED = "confirmed"
_DROPS = "drops"


@require_http_methods(["GET", "HEAD", "POST"])
def thresholds_view(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Show the sliders with the numbers that are in force; a POST asks, and then judges again."""
    scope = asked(request, frame).scope
    if not scope.jobs or (scope.job is None and scope.project is None):
        raise NotFound("Name a job or a project that has images.")
    jobs = list(CrawlJob.objects.filter(pk__in=scope.jobs).order_by("-pk"))
    if request.method == "POST":
        return _apply(request, frame, scope, jobs)
    try:
        chosen = _chosen(request.GET) if _DROPS in request.GET else limits.thresholds_in_force(jobs[0])
    except PixtasksError as error:
        messages.error(request, error.message)
        chosen = limits.thresholds_in_force(jobs[0])
    query = _query(scope)
    spread = limits.distributions([job.pk for job in jobs])
    context = {
        **_common(frame, scope),
        "rows": [_row(slider, chosen, spread.get(slider.name)) for slider in SLIDERS],
        "issues": [
            (issue.value, issue.value.replace("_", " "), issue_meaning(issue.value), issue.value not in chosen.warnings)
            for issue in ISSUES
        ],
        "preview_url": frame.url("preview", **query),
        "here": frame.url("thresholds", **query),
        "may_decide": can_decide(request, jobs[0], frame),
        "runs": _runs(jobs),
        **_preview(frame, scope, chosen),
    }
    return frame.show(request, "thresholds", f"Thresholds of {_name(scope)}", context)


@require_safe
def preview_view(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Return, as a piece, what these thresholds would change."""
    scope = asked(request, frame).scope
    try:
        context = _preview(frame, scope, _chosen(request.GET))
    except PixtasksError as error:
        context = {"fault": error.message}
    return render(request, "jobs/gallery/preview.html", {**_common(frame, scope), **context})


def _apply(request: HttpRequest, frame: Frame, scope: Scope, jobs: list[CrawlJob]) -> HttpResponse:
    query = _query(scope)
    here = frame.url("thresholds", **query)
    if not can_decide(request, jobs[0], frame):
        messages.error(request, "You may look at these images, and not judge them.")
        return redirect(here)
    try:
        chosen = _wanted(request, jobs)
        if request.POST.get(_CONFIRMED) != "yes":
            told = limits.preview([job.pk for job in jobs], chosen)
            context = {
                **_common(frame, scope),
                "told": told,
                "here": here,
                "fields": [(name, value) for name, value in request.POST.items() if name != "csrfmiddlewaretoken"],
                "drops": request.POST.getlist(_DROPS),
                "jobs_number": len(jobs),
            }
            context["fields"] = [pair for pair in context["fields"] if pair[0] != _DROPS]
            return frame.show(request, "judge", "Judge again?", context)
        begun = [job.pk for job in jobs if _begin(job, chosen, request)]
        if not begun:
            raise NotFound("No image here has been validated yet; validate first.")
        messages.success(request, "The images are judged again; the numbers follow as the tasks end.")
    except PixtasksError as error:
        messages.error(request, error.message)
    return redirect(here)


def _begin(job: CrawlJob, chosen: Thresholds, request: HttpRequest) -> bool:
    who = actor_of(request)
    try:
        limits.apply_thresholds(job, chosen, who["actor"], address=who["address"])
    except NotFound:  # Nothing of this one of the project's jobs was validated.
        return False
    return True


def _wanted(request: HttpRequest, jobs: list[CrawlJob]) -> Thresholds:
    run_id = number(request.POST.get("run"))
    if run_id is None:
        return _chosen(request.POST)
    run = ValidationRun.objects.filter(pk=run_id, job__in=jobs).first()
    if run is None:
        raise NotFound("There is no such validation of this job.")
    return Thresholds.from_json(run.thresholds)


def _chosen(values: Any) -> Thresholds:
    return limits.changed({key: str(value) for key, value in values.items()}, values.getlist(_DROPS))


def _query(scope: Scope) -> dict[str, Any]:
    if scope.job is not None:
        return {"job": scope.job.pk}
    return {"project": scope.project.pk} if scope.project is not None else {}


def _name(scope: Scope) -> str:
    owner = scope.job or scope.project
    return owner.name if owner is not None else ""


def _common(frame: Frame, scope: Scope) -> dict[str, Any]:
    return {
        "frame": frame,
        "base_template": frame.base,
        "urls": frame.addresses(),
        "job": scope.job,
        "project": scope.project,
        "gallery_url": frame.url("gallery", **_query(scope)),
    }


def _preview(frame: Frame, scope: Scope, chosen: Thresholds) -> dict[str, Any]:
    told = limits.preview(scope.jobs or (), chosen)
    images = Image.objects.prefetch_related("issues").in_bulk([*told.dropped, *told.returned])
    query = _query(scope)
    return {
        "told": told,
        "changes": [
            (change, change.issue.value.replace("_", " "), issue_meaning(change.issue.value)) for change in told.issues
        ],
        "dropped": [tile_of(frame, images[pk], query) for pk in told.dropped if pk in images],
        "returned": [tile_of(frame, images[pk], query) for pk in told.returned if pk in images],
    }


def _row(slider: Slider, chosen: Thresholds, counts: list[int] | None) -> Mapping[str, Any]:
    usual = getattr(Thresholds.from_settings(), slider.name)
    value = getattr(chosen, slider.name)
    top = max(counts) if counts else 0
    bars = [(index, round(100 * number / top) if top else 0) for index, number in enumerate(counts or ())]
    return {
        "slider": slider,
        "issue": slider.issue.value.replace("_", " "),
        "value": value,
        "usual": usual,
        "bars": bars,
        "low": min(slider.low, value),
        "high": max(slider.high, value),
    }


def _runs(jobs: list[CrawlJob]) -> list[dict[str, Any]]:
    """Return the latest validations whose thresholds are known, newest first; the first of a job is in force."""
    rows = ValidationRun.objects.filter(job__in=jobs, thresholds__isnull=False).select_related("created_by", "group")
    usual = Thresholds.from_settings().as_json()
    found = []
    seen: set[int] = set()
    for run in rows.order_by("-pk")[:_RUNS]:
        kept = Thresholds.from_json(run.thresholds)
        words = [
            f"{slider.label.lower()} {getattr(kept, slider.name):g}"
            for slider in SLIDERS
            if getattr(kept, slider.name) != usual[slider.name]
        ]
        drops = {issue.value for issue in ISSUES} - kept.warnings
        if frozenset(kept.warnings) != frozenset(usual["warnings"]):
            words.append(f"drops {', '.join(sorted(drops)).replace('_', ' ') or 'nothing'}")
        found.append({"run": run, "words": words, "in_force": run.job_id not in seen})
        seen.add(run.job_id)
    return found
