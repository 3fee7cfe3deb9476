"""Decisions about images: keep, reject, relabel, and taking any of them back."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from jobs.models import CrawlJob, Decision, DecisionKind, Image
from pixtasks.accounts.models import User
from pixtasks.accounts.roles import only_looks, operates
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import AccessDenied, FieldError, InvalidInput, NotFound, RuleViolation
from pixtasks.common.sql import update_returning

MOST_IMAGES: Final = 1000
"""How many images one request may decide about."""
LONGEST_LABEL: Final = 100
_NAMED = 20
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Choice:
    """One stroke: the same decision about one or several images.

    Args:
        label: what they show instead of their keyword; for RELABEL only.
    """

    image_ids: tuple[int, ...]
    kind: DecisionKind
    label: str = ""


@dataclass(frozen=True, slots=True)
class ImageState:
    """What an image reads as after a decision was made or taken back."""

    id: int
    decision: str
    label: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the batches, in the order of the strokes, and the images as they are now."""

    batches: list[uuid.UUID]
    images: list[ImageState]


def decide(choices: Sequence[Choice], *, actor: User, address: str | None = None) -> Outcome:
    """Record decisions, one row per image and stroke; of several about one image the last counts.

    Raises:
        InvalidInput: nothing or too much is named, or a label is missing, too long or too much.
        NotFound: an image is not there.
        AccessDenied: an image is of somebody else's project, and the actor may not operate.
    """
    checked = [_checked(choice, index) for index, choice in enumerate(choices)]
    ids = sorted({image_id for choice in checked for image_id in choice.image_ids})
    if not ids:
        raise InvalidInput(FieldError(("body", "decisions"), "name at least one image"))
    if sum(len(choice.image_ids) for choice in checked) > MOST_IMAGES:
        raise InvalidInput(FieldError(("body", "decisions"), f"at most {MOST_IMAGES} decisions at once"))
    with transaction.atomic():
        jobs = _locked(ids, actor)
        now, batches, rows = timezone.now(), [], []
        for choice in checked:
            batches.append(uuid.uuid4())
            rows += [
                Decision(
                    image_id=image_id,
                    job_id=jobs[image_id],
                    kind=choice.kind,
                    label=choice.label,
                    by=actor,
                    batch=batches[-1],
                    created_at=now,
                )
                for image_id in choice.image_ids
            ]
        Decision.objects.bulk_create(rows)
        images = _settle(ids)
        kinds = Counter(row.kind for row in rows)
        labels = sorted({choice.label for choice in checked if choice.label})
        facts: dict[str, Any] = dict(sorted(kinds.items()))
        _audit("images.decided", jobs, facts | ({"labels": labels[:_NAMED]} if labels else {}), actor, address)
    return Outcome(batches, images)


def undo_last(
    *, actor: User, job_id: int | None = None, project_id: int | None = None, address: str | None = None
) -> Outcome:
    """Take back the actor's last stroke that stands, all images of it.

    Args:
        job_id, project_id: of that job's or project's images only.

    Raises:
        RuleViolation: there is none.
    """
    mine = Decision.objects.filter(by=actor, undone_at=None).order_by("-pk")
    if job_id is not None:
        mine = mine.filter(job_id=job_id)
    if project_id is not None:
        mine = mine.filter(job__project_id=project_id)
    batch = mine.values_list("batch", flat=True).first()
    if batch is None:
        raise RuleViolation("There is no decision of yours left to undo here.")
    return undo_batches([batch], actor=actor, address=address)


def undo_batches(batches: Iterable[uuid.UUID], *, actor: User, address: str | None = None) -> Outcome:
    """Take back strokes; what was decided before them counts again.

    Raises:
        NotFound: there is no such stroke.
        RuleViolation: all of it has been taken back already.
        AccessDenied: it is about somebody else's images, and the actor may not operate.
    """
    wanted = list(dict.fromkeys(batches))
    return _undo(Decision.objects.filter(batch__in=wanted), actor, address)


def undo_decision(decision_id: int, *, actor: User, address: str | None = None) -> Outcome:
    """Take back one decision about one image, whatever else its stroke did; raises as :func:`undo_batches`."""
    return _undo(Decision.objects.filter(pk=min(decision_id, _LARGEST_ID)), actor, address)


def _undo(wanted: QuerySet[Decision], actor: User, address: str | None) -> Outcome:
    with transaction.atomic():
        ids = sorted(set(wanted.values_list("image_id", flat=True)))
        if not ids:
            raise NotFound("There is no such decision.")
        jobs = _locked(ids, actor)
        undone = update_returning(
            wanted.filter(undone_at=None), {"undone_at": timezone.now(), "undone_by": actor}, ["id", "batch", "kind"]
        )
        if not undone:
            raise RuleViolation("That decision has been undone already.")
        images = _settle(ids)
        kinds = Counter(row["kind"] for row in undone)
        _audit("images.decision_undone", jobs, dict(sorted(kinds.items())), actor, address)
    return Outcome(sorted({row["batch"] for row in undone}), images)


@dataclass(frozen=True, slots=True)
class Stroke:
    """Decisions that were made together."""

    batch: uuid.UUID
    kind: str
    label: str
    images: int
    standing: int
    first_image_id: int
    by: str
    created_at: datetime


def recent_strokes(jobs: Sequence[int], *, most: int = 20) -> list[Stroke]:
    """Return the latest strokes about images of these jobs, newest first; bounded by the latest thousand decisions."""
    latest = Decision.objects.filter(job_id__in=jobs).order_by("-pk").values("pk")[:MOST_IMAGES]
    rows = (
        Decision.objects.filter(pk__in=list(latest.values_list("pk", flat=True)))
        .order_by()
        .values("batch", "kind", "label", "by__email", "created_at")
        .annotate(
            images=Count("pk"),
            standing=Count("pk", filter=Q(undone_at=None)),
            first=Min("image_id"),
            newest=Max("pk"),
        )
        .order_by("-newest")[:most]
    )
    return [
        Stroke(
            batch=row["batch"],
            kind=row["kind"],
            label=row["label"],
            images=row["images"],
            standing=row["standing"],
            first_image_id=row["first"],
            by=row["by__email"] or "somebody who is gone",
            created_at=row["created_at"],
        )
        for row in rows
    ]


def history(image: Image, *, most: int = 50) -> list[Decision]:
    """Return the decisions about an image, newest first, with who made them and who took them back."""
    return list(Decision.objects.filter(image=image).select_related("by", "undone_by").order_by("-pk")[:most])


def may_decide(user: User, owner_id: int) -> bool:
    """Whether a user may decide about the images of a project of that owner; a viewer not even of his own."""
    return operates(user) or (user.pk == owner_id and not only_looks(user))


def _checked(choice: Choice, index: int) -> Choice:
    where = ("body", "decisions", index)
    label = " ".join(choice.label.replace("\x00", "").split())
    if choice.kind == DecisionKind.RELABEL and not label:
        raise InvalidInput(FieldError((*where, "label"), "say the new label"))
    if choice.kind != DecisionKind.RELABEL and label:
        raise InvalidInput(FieldError((*where, "label"), "only a relabel takes a label"))
    if len(label) > LONGEST_LABEL:
        raise InvalidInput(FieldError((*where, "label"), f"at most {LONGEST_LABEL} characters"))
    return Choice(tuple(dict.fromkeys(choice.image_ids)), choice.kind, label)


def _locked(ids: list[int], actor: User) -> dict[int, int]:
    """Lock the images, in the order in which everybody does, and return the job of each."""
    if not all(0 < image_id <= _LARGEST_ID for image_id in ids):
        raise NotFound("Image not found")
    jobs = dict(
        Image.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk__in=ids)
        .order_by("pk")
        .values_list("pk", "job_id")
    )
    if len(jobs) < len(ids):
        raise NotFound("Image not found")
    owners = set(CrawlJob.objects.filter(pk__in=set(jobs.values())).values_list("project__owner_id", flat=True))
    if not all(may_decide(actor, owner_id) for owner_id in owners):
        raise AccessDenied
    return jobs


def _settle(ids: list[int]) -> list[ImageState]:
    """Let locked images repeat the latest decision about each that stands; return how they read."""
    decision = dict.fromkeys(ids, "")
    label = dict.fromkeys(ids, "")
    standing = Decision.objects.filter(image_id__in=ids, undone_at=None).order_by("pk")
    for image_id, kind, word in standing.values_list("image_id", "kind", "label"):
        decision[image_id] = kind
        if kind == DecisionKind.RELABEL:
            label[image_id] = word
    alike: dict[tuple[str, str], list[int]] = {}
    for image_id in ids:
        alike.setdefault((decision[image_id], label[image_id]), []).append(image_id)
    for (kind, word), images in alike.items():
        Image.objects.filter(pk__in=images).update(decision=kind, label=word)
    return [ImageState(image_id, decision[image_id], label[image_id]) for image_id in ids]


def _audit(action: str, jobs: dict[int, int], facts: dict[str, Any], actor: User, address: str | None) -> None:
    """Leave one entry per request, whatever the number of images: the decisions themselves are kept row by row."""
    ids = sorted(jobs)
    detail = {**facts, "images": ids[:_NAMED], "images_count": len(ids)}
    (first, *others) = sorted(set(jobs.values()))
    if others:
        detail["jobs"] = [first, *others][:_NAMED]
    audit(action, actor=actor, object_type="jobs.crawljob", object_id=first, detail=detail, address=address)
