"""Rate limits over the whole fleet, exact in any window (CONTRACT X18).

A sliding log decided inside the claim's transaction: lock the bucket's row, look at the L-th newest start; while it is
younger than the window, nobody starts. A token bucket would let nearly twice the limit through one window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Count, Max, Q
from django.db.models.functions import Now

from pixtasks.common.sql import database_now
from tasktypes.models import Bucket, BucketStart, Task
from tasktypes.states import State


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``starts`` in any ``window``."""

    starts: int
    window: timedelta


def limit_of(key: str) -> Limit | None:
    """Return the limit of a rate key, or None where it is unlimited.

    The setting ``PIXTASKS_RATE_LIMITS`` maps a key, or ``prefix:*``, to ``starts/seconds``; 0 starts = unlimited.

    Raises:
        ImproperlyConfigured: the setting's value does not read ``starts/seconds``.
    """
    if not key:
        return None
    limits = settings.PIXTASKS_RATE_LIMITS
    text = limits.get(key) or limits.get(f"{key.split(':', 1)[0]}:*")
    if not text:
        return None
    try:
        starts_text, _, seconds_text = str(text).partition("/")
        starts, seconds = int(starts_text), float(seconds_text or 60)
    except ValueError:
        raise ImproperlyConfigured(f"PIXTASKS_RATE_LIMITS: {key} must be starts/seconds, not {text!r}") from None
    return Limit(starts, timedelta(seconds=seconds)) if starts > 0 else None


def free_starts(keys: set[str]) -> dict[str, int]:
    """Return how many starts each key allows now, by a read without a lock (a hint for the dispatcher).

    Keys that are neither limited nor paused are left out.
    """
    known = sorted(filter(None, keys))
    if not known:
        return {}
    now = database_now()
    closed = set(Bucket.objects.filter(key__in=known, next_at__gt=now).values_list("key", flat=True))
    limited = {key: limit for key in known if (limit := limit_of(key)) is not None and key not in closed}
    free = {
        key: limit.starts - _starts_in_window(key, now - limit.window, limit.starts) for key, limit in limited.items()
    }
    return free | dict.fromkeys(closed, 0)


def pause_starts(key: str, until: datetime) -> None:
    """Let nothing start under a key before a time, limited or not; a pause that lasts longer stays."""
    Bucket.objects.bulk_create([Bucket(key=key)], ignore_conflicts=True)
    shorter = Q(paused_until__isnull=True) | Q(paused_until__lt=until)
    Bucket.objects.filter(shorter, pk=key).update(paused_until=until)
    # The dispatcher passes a key over by this column alone.
    Bucket.objects.filter(Q(next_at__isnull=True) | Q(next_at__lt=until), pk=key).update(next_at=until)


def resume_starts(key: str, *, wake: bool = False) -> None:
    """End a pause; the limit holds as ever, because it is read from the starts themselves.

    Args:
        wake: also let rows run at once that were put off, by the pause or by a back-off.
    """
    Bucket.objects.filter(pk=key).update(next_at=None, paused_until=None)
    if wake:
        waiting = Task.objects.filter(status=State.PENDING, rate_key=key, published_at__isnull=True, due_at__gt=Now())
        waiting.filter(Q(run_after__isnull=True) | Q(run_after__lte=Now())).update(due_at=Now())


def used_starts(keys: Iterable[str]) -> dict[str, tuple[int, Limit]]:
    """Return how many starts of each limited key count now, and its limit; one query, for people to look at."""
    limited = {key: limit for key in sorted(set(keys)) if (limit := limit_of(key)) is not None}
    if not limited:
        return {}
    now = database_now()
    counting = Q()
    for key, limit in limited.items():
        counting |= Q(bucket_id=key, started_at__gt=now - limit.window)
    rows = BucketStart.objects.filter(counting).order_by().values_list("bucket_id").annotate(number=Count("id"))
    used = dict(rows)
    return {key: (used.get(key, 0), limit) for key, limit in limited.items()}


def open_starts(key: str, wanted: int) -> int:
    """Lock a key's bucket and return how many of ``wanted`` starts may happen now; call it inside a transaction.

    The caller then claims at most that many rows and calls :func:`log_starts` in the same transaction. Where none is
    free, the bucket's ``next_at`` is set, so that the dispatcher leaves the key alone until then. While the key is
    paused (:func:`pause_starts`) none is free.
    """
    limit = limit_of(key)
    if limit is None:
        paused = bool(key) and Bucket.objects.filter(pk=key, paused_until__gt=database_now()).exists()
        return 0 if paused else wanted
    Bucket.objects.bulk_create([Bucket(key=key)], ignore_conflicts=True)
    bucket = Bucket.objects.select_for_update().get(pk=key)
    # A statement of its own after the lock is held: a clock read before it could be older than a start logged since.
    now = database_now()
    if bucket.paused_until is not None and bucket.paused_until > now:
        Bucket.objects.filter(pk=key).update(next_at=bucket.paused_until)
        return 0
    newest = list(
        BucketStart.objects.filter(bucket=bucket, started_at__gt=now - limit.window)
        .order_by("-started_at", "-id")
        .values_list("started_at", flat=True)[: limit.starts]
    )
    free = min(wanted, limit.starts - len(newest))
    if free <= 0:
        Bucket.objects.filter(pk=key).update(next_at=newest[-1] + limit.window)
        return 0
    return free


def take_starts(keys: set[str]) -> float:
    """Take one start of each limited key, or of none of them; for handlers that use several sources in one step.

    Args:
        keys: rate keys; those without a limit are left alone.

    Returns:
        0 where the starts were taken, else the seconds until all keys may be free.
    """
    limited = sorted(key for key in keys if limit_of(key) is not None)
    if not limited:
        return 0.0
    with transaction.atomic():
        # In the order of the keys, as every transaction that locks several buckets.
        closed = [key for key in limited if not open_starts(key, 1)]
        if not closed:
            for key in limited:
                log_starts(key, 1)
            return 0.0
        opens = Bucket.objects.filter(pk__in=closed).aggregate(latest=Max("next_at"))["latest"]
        return max(0.05, float((opens - database_now()).total_seconds()))


def log_starts(key: str, count: int) -> datetime | None:
    """Record ``count`` starts under a key whose bucket this transaction has locked; prune what no longer counts."""
    limit = limit_of(key)
    if limit is None or count <= 0:
        return None
    now = database_now()
    BucketStart.objects.filter(bucket_id=key, started_at__lt=now - 2 * limit.window).delete()
    BucketStart.objects.bulk_create([BucketStart(bucket_id=key, started_at=now) for _ in range(count)])
    return now


def _starts_in_window(key: str, since: datetime, at_most: int) -> int:
    return len(
        BucketStart.objects.filter(bucket_id=key, started_at__gt=since)
        .order_by("-started_at", "-id")
        .values_list("id", flat=True)[:at_most]
    )
