"""Rate limits over the whole fleet, exact in any window (CONTRACT X18).

A sliding log decided inside the claim's transaction: lock the bucket's row, look at the L-th newest start; while it is
younger than the window, nobody starts. A token bucket would let nearly twice the limit through one window.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from pixtasks.common.sql import database_now
from tasktypes.models import Bucket, BucketStart


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
    """Return how many starts each limited key allows now, by a read without a lock (a hint for the dispatcher)."""
    limited = {key: limit for key in keys if (limit := limit_of(key)) is not None}
    if not limited:
        return {}
    now = database_now()
    closed = set(Bucket.objects.filter(key__in=limited, next_at__gt=now).values_list("key", flat=True))
    return {
        key: 0 if key in closed else limit.starts - _starts_in_window(key, now - limit.window, limit.starts)
        for key, limit in limited.items()
    }


def open_starts(key: str, wanted: int) -> int:
    """Lock a key's bucket and return how many of ``wanted`` starts may happen now; call it inside a transaction.

    The caller then claims at most that many rows and calls :func:`log_starts` in the same transaction. Where none is
    free, the bucket's ``next_at`` is set, so that the dispatcher leaves the key alone until then.
    """
    limit = limit_of(key)
    if limit is None:
        return wanted
    Bucket.objects.bulk_create([Bucket(key=key)], ignore_conflicts=True)
    bucket = Bucket.objects.select_for_update().get(pk=key)
    # A statement of its own after the lock is held: a clock read before it could be older than a start logged since.
    now = database_now()
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
