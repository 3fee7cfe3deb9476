"""The ledger of addresses: what a job could not fetch, why, from which host, and when another attempt is worth it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Case, CharField, Count, Min, Q, QuerySet, Value, When
from django.utils import timezone

from jobs.fetch.outcomes import Outcome, http_outcome, is_transient
from jobs.models import Chunk, CrawlJob, FetchFailure
from pixtasks.common.errors import FieldError, InvalidInput
from pixtasks.common.net.urls import BadUrlError, prepare_url
from pixtasks.common.times import wire_time
from tasktypes.handlers import Context

FIRST_WAIT: Final = timedelta(minutes=1)
"""After the first failure of a transient class; it doubles with every further one."""
LONGEST_WAIT: Final = timedelta(days=1)
HOSTS: Final = 50
"""Hosts that a summary names at most."""
NOT_FAILED: Final = frozenset({str(Outcome.STORED), str(Outcome.DUPLICATE)})
_LONGEST_HOST: Final = 255
_AT_A_TIME: Final = 1000
_TRANSIENT: Final = sorted(
    word for word in {*map(str, Outcome), *(http_outcome(status) for status in range(400, 600))} if is_transient(word)
)


def host_of(url: str) -> str:
    """Return the host of an address in small letters; empty where it names none, as a local file does."""
    try:
        return prepare_url(url)[1][:_LONGEST_HOST]
    except BadUrlError:
        return ""


def next_eligible(outcome: str, attempts: int, retry_after: float | None, now: datetime) -> datetime | None:
    """Return from when on another attempt is worth it; None where the same request fails again.

    Args:
        attempts: how often it has been tried.
        retry_after: seconds that the server asked to wait (RFC 9110, 10.2.3); its word counts before our own back-off.
    """
    if outcome in NOT_FAILED:
        return None
    if retry_after is not None:
        return now + min(timedelta(seconds=max(0.0, min(retry_after, 1e9))), LONGEST_WAIT)
    if not is_transient(outcome):
        return None
    return now + min(FIRST_WAIT * (1 << min(max(attempts, 1) - 1, 20)), LONGEST_WAIT)


def failed_classes(outcomes: Mapping[str, int]) -> dict[str, int]:
    """Return the classes of a job's outcomes that can be tried again, the most frequent first."""
    failed = {name: number for name, number in outcomes.items() if name not in NOT_FAILED and number}
    return dict(sorted(failed.items(), key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureFilter:
    """Which failures of a job are meant; what is left out leaves the question open.

    Args:
        outcomes: classes, such as "dns" or "http_429".
        host: of the address, in whatever case.
        failed_from, failed_until: when it failed last; the first is included, the last is not.
        eligible_only: only what may be tried again by now.
    """

    outcomes: tuple[str, ...] = ()
    host: str = ""
    failed_from: datetime | None = None
    failed_until: datetime | None = None
    eligible_only: bool = False
    keyword: str | None = None
    engine: str | None = None

    def check(self, where: str = "body") -> None:
        """Refuse a time that ends before it begins.

        Raises:
            InvalidInput: it does.
        """
        if self.failed_from is not None and self.failed_until is not None and self.failed_until <= self.failed_from:
            raise InvalidInput([FieldError((where, "failed_until"), "must be later than failed_from")])

    @property
    def facts(self) -> dict[str, Any]:
        """What it asks for besides classes, as JSON."""
        facts: dict[str, Any] = {
            "host": self.host.strip().lower(),
            "failed_from": wire_time(self.failed_from),
            "failed_until": wire_time(self.failed_until),
            "eligible_only": self.eligible_only,
        }
        return {name: value for name, value in facts.items() if value}

    def of(self, job: CrawlJob) -> QuerySet[FetchFailure]:
        """Return the rows of a job that are meant, duplicates among them unless classes are named."""
        chunks = Chunk.objects.filter(job=job)
        if self.keyword is not None:
            chunks = chunks.filter(keyword=self.keyword)
        if self.engine is not None:
            chunks = chunks.filter(engine=self.engine)
        rows = FetchFailure.objects.filter(chunk__in=chunks)
        if self.outcomes:
            rows = rows.filter(outcome__in=self.outcomes)
        if self.host:
            rows = rows.filter(host=self.host.strip().lower())
        if self.failed_from is not None:
            rows = rows.filter(created_at__gte=self.failed_from)
        if self.failed_until is not None:
            rows = rows.filter(created_at__lt=self.failed_until)
        return rows.filter(may_be_tried(timezone.now())) if self.eligible_only else rows


def may_be_tried(now: datetime) -> Q:
    """Return the condition of rows that may be tried again at a time.

    Rows of before there was a time, and those that older workers write, may be tried where their class is transient.
    """
    return Q(next_eligible_at__lte=now) | Q(next_eligible_at__isnull=True, outcome__in=_TRANSIENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """How many failures have a class or a host in common.

    Attributes:
        name: the class or the host; an empty host stands for addresses that name none.
        eligible: those that may be tried again by now.
        next_eligible_at: when the next of the others may; None where there is none.
    """

    name: str
    failures: int
    eligible: int
    next_eligible_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSummary:
    """Failures of a job by class and by host, the most frequent first; of the hosts the first fifty."""

    failures: int
    eligible: int
    next_eligible_at: datetime | None
    classes: list[FailureGroup]
    hosts: list[FailureGroup]


def failure_summary(job: CrawlJob, wanted: FailureFilter | None = None) -> FailureSummary:
    """Count a job's failures by class and by host; two queries, duplicates are left out."""
    now = timezone.now()
    rows = (wanted or FailureFilter()).of(job).exclude(outcome__in=NOT_FAILED)
    classes = _groups(rows, "outcome", now)
    waiting = [one.next_eligible_at for one in classes if one.next_eligible_at is not None]
    return FailureSummary(
        failures=sum(one.failures for one in classes),
        eligible=sum(one.eligible for one in classes),
        next_eligible_at=min(waiting, default=None),
        classes=classes,
        hosts=_groups(rows, "host", now, HOSTS),
    )


def _groups(rows: QuerySet[FetchFailure], name: str, now: datetime, most: int | None = None) -> list[FailureGroup]:
    found = (
        rows.order_by()
        .values(name)
        .annotate(
            failures=Count("pk"),
            eligible=Count("pk", filter=may_be_tried(now)),
            next_at=Min("next_eligible_at", filter=Q(next_eligible_at__gt=now)),
        )
        .order_by("-failures", name)[:most]
    )
    return [
        FailureGroup(
            name=row[name] or "", failures=row["failures"], eligible=row["eligible"], next_eligible_at=row["next_at"]
        )
        for row in found
    ]


def failure_hosts(job: CrawlJob, most: int = HOSTS) -> list[tuple[str, int]]:
    """Return the hosts at which most of a job's candidates failed, duplicates left out; one query over an index."""
    rows = FailureFilter().of(job).exclude(outcome__in=NOT_FAILED).exclude(host__isnull=True).exclude(host="")
    counts = rows.order_by().values_list("host").annotate(number=Count("*")).order_by("-number", "host")
    return [(host, number) for host, number in counts[:most] if host]


def fill_hosts(context: Context) -> int:
    """Read the host out of the addresses of rows that lack it: of before there was one, or of an older worker.

    Returns:
        How many rows were filled.
    """
    filled = 0
    while True:
        with transaction.atomic():
            missing = FetchFailure.objects.filter(host__isnull=True).order_by("pk")
            # What somebody tries again at this moment gets its host from him.
            rows = dict(missing.select_for_update(skip_locked=True, no_key=True).values_list("pk", "url")[:_AT_A_TIME])
            by_host: dict[str, list[int]] = {}
            for pk, url in rows.items():
                by_host.setdefault(host_of(url), []).append(pk)
            whens = [When(pk__in=ids, then=Value(host)) for host, ids in by_host.items()]
            if whens:
                FetchFailure.objects.filter(pk__in=rows).update(host=Case(*whens, output_field=CharField()))
        filled += len(rows)
        if len(rows) < _AT_A_TIME:
            return filled
        context.check_cancelled()
