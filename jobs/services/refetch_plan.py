"""What a run over failures would try: which candidates, of which classes, and why the others stay out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Min

from jobs.fetch.outcomes import is_transient
from jobs.models import Chunk, CrawlJob, JobStatus
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.failures import NOT_FAILED, FailureFilter, failed_classes
from jobs.services.rebalance import make_room
from pixtasks.common.errors import RuleViolation
from pixtasks.common.times import wire_time
from tasktypes.models import Task
from tasktypes.states import ACTIVE


@dataclass(slots=True)
class RefetchPlan:
    """What would be tried.

    Attributes:
        classes: candidates by class, the classes in the order they were asked for.
        full: candidates left out because their chunk has the images that it was asked for.
        being_tried: candidates left out because another run is at them.
    """

    classes: Counter[str] = field(default_factory=Counter)
    full: int = 0
    being_tried: int = 0

    @property
    def candidates(self) -> int:
        """How many in all."""
        return self.classes.total()


@dataclass(slots=True)
class Chosen(RefetchPlan):
    """The same, with the rows: their ids by class, chunk by chunk."""

    ids: dict[str, list[int]] = field(default_factory=dict)


def plan_refetch(job: CrawlJob, wanted: FailureFilter) -> RefetchPlan:
    """Count what a run over a job's failures would try; four queries.

    The job need not have ended: what is counted is what there is now.
    """
    classes = classes_of(job, wanted)
    if not classes:
        return RefetchPlan()
    taken = _taken(job)
    if taken:
        return _choose(job, classes, wanted, taken)
    plan, room = RefetchPlan(), _rooms(job)
    # What one chunk lacks may move to another.
    shared = job.rebalance and any(left > 0 for left in room.values())
    rows = _rows(job, classes, wanted).order_by().values_list("chunk_id", "outcome")
    for chunk_id, outcome, number in rows.annotate(number=Count("*")):
        if shared or room[chunk_id] > 0:
            plan.classes[outcome] += number
        else:
            plan.full += number
    return plan


def choose(job: CrawlJob, wanted: FailureFilter) -> Chosen:
    """Return what a run is to try; to be called under the job's lock, which keeps a second run out meanwhile.

    Raises:
        RuleViolation: the job has not ended, or there is nothing to try; the message says why.
    """
    _check(job, wanted)
    classes = classes_of(job, wanted)
    if classes and job.rebalance:
        make_room(job, dict(Counter(_rows(job, classes, wanted).values_list("chunk_id", flat=True))))
    chosen = _choose(job, classes, wanted, _taken(job)) if classes else Chosen()
    if not chosen.candidates:
        raise RuleViolation(_why_none(job, classes, wanted, chosen))
    return chosen


def classes_of(job: CrawlJob, wanted: FailureFilter) -> list[str]:
    """Return the classes that are meant: those named, or every transient one that the job has."""
    return list(dict.fromkeys(wanted.outcomes)) or [name for name in failed_classes(job.outcomes) if is_transient(name)]


def room_of(wanted: int, progress: Mapping[str, Any] | None) -> int:
    """Return how many images a chunk lacks of what it is asked for now."""
    return wanted - int((progress or {}).get("images", 0))


def _check(job: CrawlJob, wanted: FailureFilter) -> None:
    if job.status in (JobStatus.PENDING, JobStatus.RUNNING):
        raise RuleViolation(
            f"Cannot retry the failures of a job with status '{job.status.value}'; wait until it has ended"
        )
    if job.group is not None and job.group.settled_at is None:
        raise RuleViolation("The job is still stopping; retry in a few seconds")
    for outcome in wanted.outcomes:
        if outcome in NOT_FAILED:
            raise RuleViolation(f"'{outcome}' is not a failure; there is nothing to retry")
    if Chunk.objects.filter(job=job).exclude(task__type_name=DOWNLOAD).exists():
        raise RuleViolation("The images of this job come from a gather run; its next iterations find what is missing")


def _rows(job: CrawlJob, classes: Iterable[str], wanted: FailureFilter) -> Any:
    return wanted.of(job).filter(outcome__in=list(classes))


def _rooms(job: CrawlJob) -> dict[int, int]:
    reported = Chunk.objects.filter(job=job).values_list("pk", "target", "task__progress")
    return {pk: room_of(job.max_images if target is None else target, progress) for pk, target, progress in reported}


def _taken(job: CrawlJob) -> set[int]:
    """Return the rows that runs under way are at: no two try the same one at once."""
    under_way = Task.objects.filter(group__refetch_run__job=job, status__in=ACTIVE)
    return {pk for parameters in under_way.values_list("parameters", flat=True) for pk in parameters["failure_ids"]}


def _choose(job: CrawlJob, classes: list[str], wanted: FailureFilter, taken: set[int]) -> Chosen:
    chosen, room = Chosen(ids={name: [] for name in classes}), _rooms(job)
    rows = _rows(job, classes, wanted).order_by("chunk_id", "rank").values_list("pk", "chunk_id", "outcome")
    for pk, chunk_id, outcome in rows.iterator(chunk_size=5000):
        if pk in taken:
            chosen.being_tried += 1
        elif room[chunk_id] <= 0:
            chosen.full += 1
        else:
            chosen.ids[outcome].append(pk)
    chosen.classes = Counter({name: len(ids) for name, ids in chosen.ids.items() if ids})
    return chosen


def _why_none(job: CrawlJob, classes: list[str], wanted: FailureFilter, chosen: Chosen) -> str:
    words = " or ".join(f"'{name}'" for name in classes)
    if chosen.being_tried:
        return f"The candidates of this job that ended as {words} are being tried again already"
    if chosen.full:
        number = "" if job.rebalance else f"{job.max_images} "
        return (
            f"Every chunk with such a failure has the {number}images that it was asked for; "
            "clone the job with a higher number to get more"
        )
    known = ", ".join(failed_classes(job.outcomes)) or "none"
    if not classes:
        return f"No candidate of job {job.pk} may succeed later; its failures are of the classes: {known}. Name one."
    if not wanted.facts:
        return f"No candidate of job {job.pk} ended as {words}; its failures are of the classes: {known}"
    soonest = _soonest(job, classes, wanted)
    if soonest is not None:
        return f"Nothing of that may be tried again before {wire_time(soonest)}; leave eligible_only out to try it now"
    return f"No failure of job {job.pk} fits: {words} with {_told(wanted)}"


def _soonest(job: CrawlJob, classes: list[str], wanted: FailureFilter) -> datetime | None:
    if not wanted.eligible_only:
        return None
    rows = FailureFilter(
        outcomes=tuple(classes), host=wanted.host, failed_from=wanted.failed_from, failed_until=wanted.failed_until
    ).of(job)
    found: datetime | None = rows.aggregate(soonest=Min("next_eligible_at"))["soonest"]
    return found


def _told(wanted: FailureFilter) -> str:
    return ", ".join(f"{name} {value}" for name, value in wanted.facts.items())
