"""Other thresholds for what was measured: see first what would change, then judge again; nothing is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from django.db import transaction
from django.db.models import F, Q, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import CrawlJob, Image, Issue, Level, ValidationRun, Verdict
from jobs.services.near_duplicates import last_step, look_alikes
from jobs.services.validation import GROUP_KIND, run_thresholds
from jobs.services.verdicts import rejudge
from jobs.validators import MEASURED, Thresholds, judged_again
from jobs.validators import Issue as Kind
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import FieldError, InvalidInput, NotFound
from tasktypes.handlers import Context
from tasktypes.services.submit import NewTask, create_group, submit

REJUDGE: Final = "jobs.rejudge_images"
"""Name of the handler that judges a batch again."""
MOST_PREVIEWED: Final = 2_000
"""A preview looks at so many images, the newest; of more it is an estimate."""
_SPREAD: Final = 1_000
"""So many images, the newest, show how their measurements spread."""
_BATCH: Final = 1000
_STORED_AT_ONCE: Final = 250
_SHOWN: Final = 12
_BINS: Final = 32


@dataclass(frozen=True, slots=True)
class Slider:
    """One threshold that can be moved, and the issue that it decides.

    Args:
        above: what lies above it has the issue; else what lies below.
        measurement: what is compared with it.
    """

    name: str
    issue: Kind
    label: str
    measurement: str
    low: float
    high: float
    step: float
    above: bool
    unit: str = ""

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers only."""
        return isinstance(self.step, int)


SLIDERS: Final = (
    Slider("min_width", Kind.TOO_SMALL, "Smallest width", "width", 1, 2000, 1, False, "px"),
    Slider("min_height", Kind.TOO_SMALL, "Smallest height", "height", 1, 2000, 1, False, "px"),
    Slider("min_bytes", Kind.TOO_FEW_BYTES, "Smallest file", "bytes", 1, 200_000, 1, False, "bytes"),
    Slider("max_aspect", Kind.ODD_ASPECT, "Longest shape", "aspect", 1, 10, 0.05, True, ": 1"),
    Slider("min_sharpness", Kind.BLURRY, "Least sharpness", "sharpness", 0, 1, 0.005, False),
    Slider("dark_level", Kind.DARK, "Darkest highlights", "highlights", 0, 1, 0.01, False),
    Slider("light_level", Kind.LIGHT, "Lightest shadows", "shadows", 0, 1, 0.01, True),
    Slider("min_contrast", Kind.LOW_CONTRAST, "Least contrast", "contrast", 0, 1, 0.01, False),
    Slider("min_entropy", Kind.LOW_ENTROPY, "Least information", "entropy", 0, 8, 0.05, False, "bits"),
    Slider(
        "near_duplicate_distance", Kind.NEAR_DUPLICATE, "Alike up to", "near_duplicate_distance", 0, 15, 1, False,
        "bits",
    ),
)  # fmt: skip
ISSUES: Final = tuple(dict.fromkeys(slider.issue for slider in SLIDERS))
_BY_NAME: Final = {slider.name: slider for slider in SLIDERS}
assert set(ISSUES) == {*MEASURED, Kind.NEAR_DUPLICATE} - {Kind.TOO_LARGE}


def changed(numbers: Mapping[str, str], dropping: Sequence[str] | None) -> Thresholds:
    """Return the settings' thresholds with these in their place.

    Args:
        numbers: by the name of a slider, as a form sends it; what is missing stays as the settings say.
        dropping: the issues of ``ISSUES`` that make an image invalid, the others only warn; None leaves all as is.

    Raises:
        InvalidInput: a value is no number, or out of its slider's range.
    """
    base = Thresholds.from_settings()
    values: dict[str, int | float] = {}
    faults = []
    for slider in SLIDERS:
        text = numbers.get(slider.name, "").strip()
        if not text:
            continue
        try:
            value: int | float = int(text) if slider.whole else float(text)
        except ValueError:
            value = -1
        if not slider.low <= value <= slider.high:  # A NaN is not, either.
            kind = "whole number" if slider.whole else "number"
            faults.append(FieldError((slider.name,), f"must be a {kind} from {slider.low} to {slider.high}"))
        values[slider.name] = value
    if faults:
        raise InvalidInput(faults)
    warnings = base.warnings
    if dropping is not None:
        judged = {issue.value for issue in ISSUES}
        warnings = (warnings - judged) | (judged - set(dropping))
    return replace(base, **values, warnings=frozenset(warnings))  # type: ignore[arg-type]


@dataclass(slots=True)
class IssueChange:
    """One issue: how many images have it now, and would have it."""

    issue: Kind
    now: int = 0
    then: int = 0


@dataclass(slots=True)
class Preview:
    """What judging again by other thresholds would change.

    Attributes:
        images: how many were looked at; the newest of all where ``partial``.
        judged: those of them that have a verdict at all; nothing is known of the others.
        valid_now, valid_then: valid images.
        dropped, returned: ids of images that would become invalid, and valid; the first few of each.
        dropped_count, returned_count: how many there are of each.
        unmeasured: images whose verdicts are of no level that measures looks.
    """

    images: int = 0
    partial: bool = False
    judged: int = 0
    valid_now: int = 0
    valid_then: int = 0
    dropped_count: int = 0
    returned_count: int = 0
    unmeasured: int = 0
    dropped: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    issues: list[IssueChange] = field(default_factory=list)
    valid_ids: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Judged:
    """The verdicts on one image: (level, measurements, issues) of each."""

    is_valid: bool | None
    verdicts: list[tuple[str, dict[str, Any], set[str]]] = field(default_factory=list)


def preview(jobs: Sequence[int], thresholds: Thresholds) -> Preview:
    """Return what :func:`apply_thresholds` would make of the images of these jobs, from what is stored."""
    found = Preview()
    images = _images(jobs, found, MOST_PREVIEWED)
    alike: set[int] = set()
    first = min(images) if found.partial else 0
    for job_id in jobs:
        alike.update(pair.id for pair in look_alikes(job_id, thresholds.near_duplicate_distance, first)[1])
    changes = {issue: IssueChange(issue) for issue in ISSUES}
    for image_id, image in sorted(images.items()):
        found.judged += bool(image.verdicts)
        found.unmeasured += not any(level == Level.SLOW for level, _, _ in image.verdicts)
        before, after, valid = set(), set(), True
        for level, measurements, issues in image.verdicts:
            again = judged_again(issues, measurements, thresholds)
            if level == Level.SLOW:
                again.discard(Kind.NEAR_DUPLICATE.value)
                again |= {Kind.NEAR_DUPLICATE.value} if image_id in alike else set()
            before |= issues
            after |= again
            valid = valid and thresholds.accepts(again)
        for issue, change in changes.items():
            change.now += issue.value in before
            change.then += issue.value in after
        _count(found, image_id, image.is_valid, valid if image.verdicts else None)
    found.issues = list(changes.values())
    return found


def distributions(jobs: Sequence[int]) -> dict[str, list[int]]:
    """Return how the measurements of these jobs' newest images spread: counts per 32nd of each slider's range."""
    images = _images(jobs, Preview(), _SPREAD)
    values: dict[str, list[float]] = {slider.name: [] for slider in SLIDERS}
    for image in images.values():
        merged: dict[str, Any] = {}
        for _, measurements, _ in image.verdicts:
            merged |= measurements
        for slider in SLIDERS:
            value = merged.get(slider.measurement)
            if isinstance(value, int | float):
                values[slider.name].append(float(value))
    return {
        slider.name: np.histogram(
            np.clip(values[slider.name], slider.low, slider.high), bins=_BINS, range=(slider.low, slider.high)
        )[0].tolist()
        for slider in SLIDERS
        if values[slider.name]
    }


def apply_thresholds(
    job: CrawlJob, thresholds: Thresholds, user: User | None, *, address: str | None = None
) -> ValidationRun:
    """Judge all images of a job again by these thresholds: a run of tasks that write new verdicts from measurements.

    Going back is the same with the thresholds of an earlier run (:func:`thresholds_in_force`).

    Raises:
        NotFound: no image of the job has a verdict.
    """
    with transaction.atomic():
        locked = CrawlJob.objects.select_for_update().select_related("project").get(pk=job.pk)
        judged = Image.objects.filter(job=locked, is_valid__isnull=False)
        ids = list(judged.order_by("pk").values_list("pk", flat=True))
        if not ids:
            raise NotFound(f"No image of job {job.pk} has been validated; validate it first")
        level = next(level for level in reversed(Level) if _has_level(locked.pk, level))
        batches = [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
        first = locked.validation_tasks
        CrawlJob.objects.filter(pk=job.pk).update(
            validation_tasks=F("validation_tasks") + len(batches), updated_at=Now()
        )
        group = create_group(GROUP_KIND)
        run = ValidationRun.objects.create(
            job=locked, level=level, group=group, images_count=len(ids), created_by=user,
            thresholds=thresholds.as_json(), rejudges=True,
        )  # fmt: skip
        tasks = [
            NewTask(
                type_name=REJUDGE,
                parameters={"job_id": job.pk, "run_id": run.pk, "image_ids": batch},
                public_id=f"task_{job.pk}_{first + index}",
            )
            for index, batch in enumerate(batches)
        ]
        if level == Level.SLOW:
            tasks.append(last_step(job_id=job.pk, run_id=run.pk))
        submit(tasks, owner_id=locked.project.owner_id, group=group)
        facts = {"run": run.pk, "images": len(ids), "thresholds": differing(thresholds)}
        audit("thresholds.applied", actor=user, target=locked, detail=facts, address=address)
    return run


def rejudge_batch(job_id: int, run_id: int, image_ids: Sequence[int], context: Context) -> dict[str, Any]:
    """Judge the verdicts on one batch of images again, from their measurements.

    Returns:
        ``{"images", "done", "valid", "invalid"}``.
    """
    thresholds = run_thresholds(run_id, job_id)
    ids = list(Image.objects.filter(pk__in=image_ids, job_id=job_id).order_by("pk").values_list("pk", flat=True))
    counts = {"images": len(ids), "done": 0, "valid": 0, "invalid": 0}
    for start in range(0, len(ids), _STORED_AT_ONCE):
        part = ids[start : start + _STORED_AT_ONCE]

        def write(part: list[int] = part) -> tuple[dict[str, Any], dict[str, Any]]:
            valid = _judge_again(part, thresholds)
            counts["done"] += len(part)
            counts["valid"] += valid
            counts["invalid"] += len(part) - valid
            return dict(counts), {}

        context.check_cancelled()
        context.store(write)
    return counts


def thresholds_in_force(job: CrawlJob) -> Thresholds:
    """Return what the job's latest validation judged by; the settings where there was none."""
    latest = ValidationRun.objects.filter(job=job).order_by("-pk").values_list("thresholds", flat=True).first()
    return Thresholds.from_json(latest)


def differing(thresholds: Thresholds) -> dict[str, Any]:
    """Return what of these thresholds differs from the settings."""
    usual = Thresholds.from_settings().as_json()
    return {name: value for name, value in thresholds.as_json().items() if usual[name] != value}


def _images(jobs: Sequence[int], found: Preview, most: int) -> dict[int, _Judged]:
    theirs = Image.objects.filter(job_id__in=jobs).order_by("-pk")
    # The bound keeps PostgreSQL from walking back over every later job's images.
    newest = theirs.filter(pk__lte=Subquery(theirs.values("pk")[:1])).values_list("pk", "is_valid")
    rows = list(newest[: most + 1])
    found.partial = len(rows) > most
    images = {image_id: _Judged(is_valid) for image_id, is_valid in rows[:most]}
    found.images = len(images)
    if not images:
        return {}
    those = Q(image__job_id__in=jobs, image_id__gte=min(images), image_id__lte=max(images))
    kinds: dict[int, set[str]] = {}
    for verdict_id, kind in Issue.objects.filter(those).values_list("verdict_id", "kind"):
        kinds.setdefault(verdict_id, set()).add(kind)
    verdicts = Verdict.objects.filter(those).values_list("pk", "image_id", "level", "measurements")
    for verdict_id, image_id, level, measurements in verdicts:
        if image_id in images:
            images[image_id].verdicts.append((level, measurements, kinds.get(verdict_id, set())))
    return images


def _count(found: Preview, image_id: int, now: bool | None, then: bool | None) -> None:
    found.valid_now += now is True
    found.valid_then += then is True
    if then is True:
        found.valid_ids.add(image_id)
    if now is True and then is False:
        found.dropped_count += 1
        found.dropped = [*found.dropped, image_id][:_SHOWN]
    elif now is False and then is True:
        found.returned_count += 1
        found.returned = [*found.returned, image_id][:_SHOWN]


def _judge_again(image_ids: list[int], thresholds: Thresholds) -> int:
    """Write what the verdicts on these images become; return how many of the images are valid then."""
    verdicts = list(
        Verdict.objects.select_for_update().filter(image_id__in=image_ids).order_by("pk").prefetch_related("issues")
    )
    now, changed_verdicts, gone, new, invalid = timezone.now(), [], [], [], set()
    for verdict in verdicts:
        issues = {issue.kind: issue.pk for issue in verdict.issues.all()}
        again = judged_again(issues, verdict.measurements, thresholds)
        valid = thresholds.accepts(again)
        gone += [pk for kind, pk in issues.items() if kind not in again]
        new += [Issue(verdict=verdict, image_id=verdict.image_id, kind=kind) for kind in sorted(again - issues.keys())]
        if valid != verdict.is_valid or again != issues.keys():
            verdict.is_valid, verdict.created_at = valid, now
            changed_verdicts.append(verdict)
        if not valid:
            invalid.add(verdict.image_id)
    Issue.objects.filter(pk__in=gone).delete()
    Issue.objects.bulk_create(new)
    Verdict.objects.bulk_update(changed_verdicts, ["is_valid", "created_at"])
    rejudge(image_ids)
    return len({verdict.image_id for verdict in verdicts} - invalid)


def _has_level(job_id: int, level: Level) -> bool:
    return Verdict.objects.filter(image__job_id=job_id, level=level).exists()
