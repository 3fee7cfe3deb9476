"""Budget of dry chunks, asked of productive ones: the job's option ``rebalance`` (docs/planner.md).

Everything happens inside the transaction that ends or reopens a chunk, which holds the row of the job's group: so the
ends of one job's chunks are seen one after the other, and a chunk that ends at the same time elsewhere looks at its own
target after this. What is to be moved is read from what there is (targets, and what the chunks have stored), never
remembered: asked again, after a kill or by a second delivery, it finds nothing left to move.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Now

from jobs.models import BudgetMove, Chunk, CrawlJob, RefetchRun
from tasktypes.handlers import EndedTask
from tasktypes.models import Task, TaskGroup
from tasktypes.services.retry import reopen
from tasktypes.states import ACTIVE, TERMINAL, State

_ASKED: Final = 20
"""Finished chunks that are looked at, to find one that may run on."""
_PRODUCTIVE: Final = Q(task__status=State.COMPLETED, task__result__exhausted=False)
"""Ended with what it was asked for, while its engine had more."""
_STORED: Final = Coalesce(
    Cast(KeyTextTransform("images", "task__progress"), IntegerField()), Value(0), output_field=IntegerField()
)


@dataclass(frozen=True, slots=True)
class _Ended:
    """An ended chunk that has stored fewer images than its target."""

    pk: int
    keyword: str
    task_id: int
    target: int
    productive: bool
    lacks: int


def after_end(tasks: Sequence[EndedTask]) -> None:
    """Move what ended chunks could not bring; inside the settling transaction."""
    _even_out({task.parameters["job_id"] for task in tasks})


def after_reopening(tasks: Sequence[EndedTask]) -> None:
    """Ask chunks that are tried again for what others could not bring; inside the reopening transaction.

    Args:
        tasks: as they were before; those that run on because budget moved to them have it already.
    """
    _even_out({task.parameters["job_id"] for task in tasks if task.status != State.COMPLETED})


def make_room(job: CrawlJob, candidates: Mapping[int, int]) -> None:
    """Let full chunks of an ended job have what others of it lack, so that their failures may be tried again.

    Args:
        job: locked by the caller.
        candidates: how many are to be tried again, by the chunk's id.
    """
    # Without waiting: settling takes the group first and the job after it. Who retries the job meanwhile comes first.
    held = TaskGroup.objects.filter(crawl_job=job, settled_at__isnull=False).select_for_update(
        no_key=True, skip_locked=True, of=("self",)
    )
    if not list(held.values_list("pk", flat=True)):
        return
    spare = {one.pk: (one, one.lacks - candidates.get(one.pk, 0)) for one in _lacking(job.pk)}
    givers = [(one, left) for one, left in spare.values() if left > 0]
    for taker, number in sorted(candidates.items()):
        wanted = 0 if taker in spare else number
        while wanted and givers:
            giver, left = givers.pop()
            images = min(wanted, left)
            if _move(job.pk, giver, taker, images):
                wanted -= images
                if left > images:
                    givers.append((_less(giver, images), left - images))


def _even_out(job_ids: Collection[int]) -> None:
    jobs = CrawlJob.objects.filter(pk__in=job_ids, rebalance=True, group__cancelled_at__isnull=True)
    # A run over failures counts with the room that it found.
    busy = RefetchRun.objects.filter(job__in=job_ids, group__settled_at__isnull=True).values("job")
    for job_id in sorted(jobs.exclude(pk__in=busy).values_list("pk", flat=True)):
        for ended in _lacking(job_id):
            # A chunk that budget reached only after its last look goes on by itself.
            if ended.productive and _may_run_on(ended.task_id):
                _run_on(ended.task_id, ended.target)
            else:
                _give(job_id, ended)


def _lacking(job_id: int) -> list[_Ended]:
    rows = (
        Chunk.objects.filter(job=job_id, task__status__in=TERMINAL)
        .annotate(
            lacks=F("target") - _STORED,
            productive=Case(When(_PRODUCTIVE, then=Value(True)), default=Value(False)),
        )
        .filter(lacks__gt=0)
        .order_by("pk")
    )
    found = rows.values_list("pk", "keyword", "task_id", "target", "productive", "lacks")
    return [
        _Ended(pk, keyword, task_id, target or 0, productive, lacks)
        for pk, keyword, task_id, target, productive, lacks in found
    ]


def _give(job_id: int, giver: _Ended) -> None:
    """Move all that a chunk lacks to the best chunk that there is, if there is one."""
    for taker, task_id, status, target in _takers(job_id, giver):
        if status == State.COMPLETED and not _may_run_on(task_id):
            continue
        if _move(job_id, giver, taker, giver.lacks) and status == State.COMPLETED:
            _run_on(task_id, target + giver.lacks)
        return


def _takers(job_id: int, giver: _Ended) -> QuerySet[Chunk, Any]:
    """Return chunks that may bring more, the best first.

    The same keyword comes before any other; what runs before what waits, and that before what would have to begin
    again; then whoever is asked for the least, so that the budget of several dry chunks spreads.
    """
    return (
        Chunk.objects.filter(job=job_id, target__isnull=False)
        .exclude(pk=giver.pk)
        .annotate(
            elsewhere=Case(When(keyword=giver.keyword, then=Value(0)), default=Value(1)),
            spent=Case(When(task__progress__exhausted=True, then=Value(1)), default=Value(0)),
            rest=Case(
                When(task__status=State.RUNNING, then=Value(0)),
                When(task__status=State.PENDING, then=Value(1)),
                default=Value(2),
            ),
        )
        .filter(Q(task__status__in=ACTIVE, spent=0) | _PRODUCTIVE)
        .order_by("elsewhere", "rest", "target", "pk")
        .values_list("pk", "task_id", "task__status", "target")[:_ASKED]
    )


def _move(job_id: int, giver: _Ended, taker: int, images: int) -> bool:
    """Move budget from one chunk to another; say whether it was still there. The sum of all targets stays."""
    given = Chunk.objects.filter(pk=giver.pk, target=giver.target).update(target=giver.target - images)
    if given:
        Chunk.objects.filter(pk=taker).update(target=F("target") + images)
        BudgetMove.objects.create(job_id=job_id, giver_id=giver.pk, taker_id=taker, images=images)
    return bool(given)


def _less(giver: _Ended, images: int) -> _Ended:
    return _Ended(giver.pk, giver.keyword, giver.task_id, giver.target - images, giver.productive, giver.lacks - images)


def _may_run_on(task_id: int) -> bool:
    """Whether a completed task may be run on; it is locked then.

    Not where another task waited for its end: a second end must not count for it again. Nobody is waited for, as tasks
    are locked before their group everywhere else.
    """
    rows = Task.objects.filter(pk=task_id, status=State.COMPLETED).select_for_update(no_key=True, skip_locked=True)
    if not list(rows.values_list("pk", flat=True)):
        return False
    return not Task.depends_on.through._default_manager.filter(to_task_id=task_id).exists()


def _run_on(task_id: int, target: int) -> None:
    """Let a finished chunk go on from where it stopped."""
    reopen([task_id], by="rebalance", statuses=[State.COMPLETED])
    # Until its next report it would read as full.
    progress = Task.objects.values_list("progress", flat=True).get(pk=task_id)
    if progress:
        Task.objects.filter(pk=task_id, status=State.PENDING).update(
            progress={**progress, "target": target}, updated_at=Now()
        )
