"""The last step of a slow validation run: which images of the job look alike."""

from __future__ import annotations

from typing import Any

from django.db.models import F

from jobs.models import Image, Issue, Level, Verdict
from jobs.services.verdicts import rejudge
from jobs.validators import Issue as Kind
from jobs.validators import Thresholds
from jobs.validators.near_duplicates import NearDuplicate, find_near_duplicates
from tasktypes.handlers import Context
from tasktypes.models import Task, TaskGroup
from tasktypes.services.submit import NewTask, release
from tasktypes.states import State

FIND = "jobs.find_near_duplicates"
"""Name of the handler that does this step."""
_BATCH = 200
_MEASURED = ("near_duplicate_of", "near_duplicate_distance")


def last_step(*, job_id: int, run_id: int) -> NewTask:
    """Return the task of this step; it is held until all batches of its run have ended."""
    return NewTask(type_name=FIND, parameters={"job_id": job_id, "run_id": run_id}, held=True)


def release_last_step(group_id: int) -> None:
    """Let a run's last step go when nothing but it is left; inside the transaction that settled a batch."""
    left = TaskGroup.objects.filter(pk=group_id, total=F("completed") + F("failed") + F("cancelled") + 1)
    if left.exists():
        held = Task.objects.filter(group_id=group_id, type_name=FIND, status=State.PENDING).values_list("pk", flat=True)
        for task_id in held:
            release(task_id)


def mark_near_duplicates(job_id: int, context: Context, thresholds: Thresholds | None = None) -> dict[str, Any]:
    """Compare the hashes of a job's images, mark each that looks like an earlier one, and unmark the others.

    Args:
        thresholds: what to judge by; the settings' where it is None.

    Returns:
        ``{"images": hashed, "near_duplicates": marked}``.
    """
    thresholds = thresholds or Thresholds.from_settings()
    hashed, pairs = look_alikes(job_id, thresholds.near_duplicate_distance)
    found = {pair.id: pair for pair in pairs}
    marked = Issue.objects.filter(image__job=job_id, kind=Kind.NEAR_DUPLICATE.value).values_list("image_id", flat=True)
    todo: list[int] = sorted({*found, *marked})
    done = 0
    for start in range(0, len(todo), _BATCH):
        batch = {image_id: found.get(image_id) for image_id in todo[start : start + _BATCH]}
        done += sum(pair is not None for pair in batch.values())

        def write(
            batch: dict[int, NearDuplicate | None] = batch, done: int = done
        ) -> tuple[dict[str, Any], dict[str, Any]]:
            _mark(batch, thresholds)
            rejudge(sorted(batch))
            return {"images": hashed, "near_duplicates": done}, {}

        context.store(write)
    return {"images": hashed, "near_duplicates": len(pairs)}


def look_alikes(job_id: int, distance: int, first: int = 0) -> tuple[int, list[NearDuplicate]]:
    """Return how many images of a job are hashed, and which of them look like an earlier one.

    Args:
        first: images with smaller ids are left out.
    """
    images = Image.objects.filter(job_id=job_id, phash__isnull=False, pk__gte=first)
    hashed = list(images.order_by("pk").values_list("pk", "phash"))
    return len(hashed), find_near_duplicates(
        [pk for pk, _ in hashed], [value % (1 << 64) for _, value in hashed if value is not None], distance
    )


def _mark(batch: dict[int, NearDuplicate | None], thresholds: Thresholds) -> None:
    verdicts = list(
        Verdict.objects.select_for_update()
        .filter(image_id__in=batch, level=Level.SLOW)
        .order_by("pk")
        .prefetch_related("issues")
    )
    gone, new = [], []
    for verdict in verdicts:
        pair = batch[verdict.image_id]
        kinds = {issue.kind for issue in verdict.issues.all()}
        for name in _MEASURED:
            verdict.measurements.pop(name, None)
        if pair is None:
            kinds.discard(Kind.NEAR_DUPLICATE.value)
            gone.append(verdict)
        else:
            kinds.add(Kind.NEAR_DUPLICATE.value)
            verdict.measurements |= dict(zip(_MEASURED, (pair.of, pair.distance), strict=True))
            new.append(verdict)
        verdict.is_valid = thresholds.accepts(kinds)
    Verdict.objects.bulk_update(verdicts, ["measurements", "is_valid"])
    Issue.objects.filter(verdict__in=gone, kind=Kind.NEAR_DUPLICATE.value).delete()
    Issue.objects.bulk_create(
        [Issue(verdict=verdict, image_id=verdict.image_id, kind=Kind.NEAR_DUPLICATE.value) for verdict in new],
        ignore_conflicts=True,
    )
