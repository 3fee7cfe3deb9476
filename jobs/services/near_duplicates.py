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


def mark_near_duplicates(job_id: int, context: Context) -> dict[str, Any]:
    """Compare the hashes of a job's images and mark each that looks like an earlier one.

    Returns:
        ``{"images": hashed, "near_duplicates": marked}``.
    """
    thresholds = Thresholds.from_settings()
    hashed = list(Image.objects.filter(job_id=job_id, phash__isnull=False).order_by("pk").values_list("pk", "phash"))
    pairs = find_near_duplicates(
        [pk for pk, _ in hashed],
        [value % (1 << 64) for _, value in hashed if value is not None],
        thresholds.near_duplicate_distance,
    )
    done = 0
    for start in range(0, len(pairs), _BATCH):
        batch = {pair.id: pair for pair in pairs[start : start + _BATCH]}
        done += len(batch)

        def write(batch: dict[int, NearDuplicate] = batch, done: int = done) -> tuple[dict[str, Any], dict[str, Any]]:
            _mark(batch, thresholds)
            rejudge(sorted(batch))
            return {"images": len(hashed), "near_duplicates": done}, {}

        context.store(write)
    return {"images": len(hashed), "near_duplicates": len(pairs)}


def _mark(batch: dict[int, NearDuplicate], thresholds: Thresholds) -> None:
    verdicts = list(
        Verdict.objects.select_for_update()
        .filter(image_id__in=batch, level=Level.SLOW)
        .order_by("pk")
        .prefetch_related("issues")
    )
    for verdict in verdicts:
        pair = batch[verdict.image_id]
        verdict.measurements |= {"near_duplicate_of": pair.of, "near_duplicate_distance": pair.distance}
        kinds = {issue.kind for issue in verdict.issues.all()} | {Kind.NEAR_DUPLICATE.value}
        verdict.is_valid = thresholds.accepts(kinds)
    Verdict.objects.bulk_update(verdicts, ["measurements", "is_valid"])
    Issue.objects.bulk_create(
        [Issue(verdict=verdict, image_id=verdict.image_id, kind=Kind.NEAR_DUPLICATE.value) for verdict in verdicts],
        ignore_conflicts=True,
    )
