"""The contact sheet, and the decisions that are made on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from jobs.models import DecisionKind
from jobs.pages.frame import Asked, Frame, actor_of, answered, asked, can_decide, json_body, number, tile_of
from jobs.services import decisions, gallery
from jobs.services.decisions import MOST_IMAGES, Choice, Outcome
from jobs.services.meanings import issue_meaning
from jobs.validators import Issue
from pixtasks.common.errors import FieldError, InvalidInput

_LABELS = {
    "verdict": "Verdict", "issue": "Issue", "keyword": "Keyword", "engine": "Engine", "license": "Licence",
    "decision": "Decision", "quarantine": "Quarantine",
}  # fmt: skip
_DECISIONS = {
    "none": "not decided", "any": "decided", "keep": "kept", "reject": "rejected", "relabel": "relabelled",
}  # fmt: skip
_QUARANTINES = {"any": "only what is in it", "all": "shown with the others"}


@require_safe
def gallery_view(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Show the contact sheet with its filters."""
    found = asked(request, frame)
    job, project = found.scope.job, found.scope.project
    strokes = decisions.recent_strokes(found.scope.jobs) if found.scope.jobs else []
    query = found.query
    context = {
        "frame": frame,
        "base_template": frame.base,
        "urls": frame.addresses(),
        "job": job,
        "project": project,
        "job_url": frame.url("job", job.pk) if job is not None else "",
        "jobs": gallery.own_jobs(found.scope.user, project, own=frame.own),
        "filters": _filters(found),
        "wanted": found.wanted.named,
        "wanted_words": [
            (_LABELS[name], _word(name, value), f"?{urlencode({k: v for k, v in query.items() if k != name})}")
            for name, value in found.wanted.named.items()
        ],
        "clear_url": f"?{urlencode({k: v for k, v in query.items() if k in ('job', 'project')})}",
        "may_decide": can_decide(request, job, frame),
        "strokes": [(stroke, frame.url("image", stroke.first_image_id)) for stroke in strokes],
        "thresholds_url": frame.url("thresholds", **{k: v for k, v in query.items() if k in ("job", "project")}),
        "keywords": gallery.choices(found.scope, found.wanted).keywords[:100] if job is not None else [],
        **_tiles(found, frame),
    }
    title = f"Gallery of {job.name}" if job is not None else f"Gallery of {project.name}" if project else "Gallery"
    return frame.show(request, "gallery", title, context)


@require_safe
def tiles_view(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Return the next page of the sheet, as a piece."""
    return render(request, "jobs/gallery/tiles.html", _tiles(asked(request, frame), frame))


@require_POST
def decide_view(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Record what the gallery's script sends: ``{"decisions": [{"images": [id], "kind", "label"}]}``."""

    def do() -> dict[str, Any]:
        return _told(decisions.decide(_choices(json_body(request)), **actor_of(request)))

    return answered(do)


@require_POST
def undo_view(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Take back ``{"batches": [uuid]}``, ``{"decision": id}``, or the caller's last stroke of a job or project."""

    def do() -> dict[str, Any]:
        body = json_body(request)
        if isinstance(body.get("decision"), int):
            return _told(decisions.undo_decision(max(0, body["decision"]), **actor_of(request)))
        if "batches" in body:
            return _told(decisions.undo_batches(_uuids(body["batches"]), **actor_of(request)))
        job, project = number(body.get("job")), number(body.get("project"))
        return _told(decisions.undo_last(job_id=job, project_id=project, **actor_of(request)))

    return answered(do)


def _tiles(found: Asked, frame: Frame) -> dict[str, Any]:
    page = gallery.sheet(found.scope, found.wanted, before=found.before)
    query = found.query
    more = frame.url("tiles", **query, before=page.before) if page.before is not None else ""
    return {"tiles": [tile_of(frame, image, query) for image in page.images], "more": more}


def _filters(found: Asked) -> list[dict[str, Any]]:
    offered = gallery.choices(found.scope, found.wanted)
    options: dict[str, Iterable[str]] = {
        "verdict": gallery.VERDICTS,
        "issue": [issue.value for issue in Issue],
        "keyword": offered.keywords,
        "engine": offered.engines,
        "license": offered.licenses,
        "decision": gallery.DECISIONS,
        "quarantine": gallery.QUARANTINES,
    }
    return [
        {
            "name": name,
            "label": _LABELS[name],
            "chosen": getattr(found.wanted, name),
            "empty": "Left out" if name == "quarantine" else "Any",
            "options": [
                (value, _word(name, value), issue_meaning(value) if name == "issue" else "") for value in words
            ],
        }
        for name, words in options.items()
    ]


def _word(name: str, value: str) -> str:
    if name == "decision":
        return _DECISIONS.get(value, value)
    if name == "quarantine":
        return _QUARANTINES.get(value, value.replace("_", " "))
    if name == "license" and value == gallery.NO_LICENSE:
        return "none given"
    return value.replace("_", " ") if name == "issue" else value


def _choices(body: dict[str, Any]) -> list[Choice]:
    given = body.get("decisions")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_IMAGES:
        raise InvalidInput(FieldError(("body", "decisions"), f"must be a list of 1 to {MOST_IMAGES} decisions"))
    return [_choice(one, index) for index, one in enumerate(given)]


def _choice(one: Any, index: int) -> Choice:
    where = ("body", "decisions", index)
    if not isinstance(one, dict) or one.get("kind") not in DecisionKind.values:
        raise InvalidInput(FieldError(where, f"kind must be one of {', '.join(DecisionKind.values)}"))
    images, label = one.get("images"), one.get("label", "")
    if not isinstance(images, list) or not all(isinstance(image, int) and image > 0 for image in images):
        raise InvalidInput(FieldError((*where, "images"), "must be a list of ids"))
    if not isinstance(label, str):
        raise InvalidInput(FieldError((*where, "label"), "must be a text"))
    return Choice(tuple(images), DecisionKind(one["kind"]), label)


def _uuids(given: Any) -> list[uuid.UUID]:
    try:
        found = [uuid.UUID(one) for one in given[:MOST_IMAGES]]
    except (TypeError, ValueError, AttributeError):
        found = []
    if not found:
        raise InvalidInput(FieldError(("body", "batches"), "must be a list of batches"))
    return found


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "batches": [str(batch) for batch in outcome.batches],
        "images": [{"id": one.id, "decision": one.decision, "label": one.label} for one in outcome.images],
    }
