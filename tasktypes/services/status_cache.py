"""Finished tasks answer from the cache for a while (CONTRACT C21); a retry of the same row takes the answer back."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

_CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class KnownStatus:
    """The answer about a finished task.

    Args:
        owner_id: whose task it is.
        rings: how many Celery ids it has had.
        body: what was answered.
    """

    owner_id: int | None
    rings: int
    body: dict[str, Any]


def recall(public_id: str) -> KnownStatus | None:
    """Return the stored answer, or None."""
    try:
        found = cache.get(_key(public_id))
    except (RedisError, OSError) as error:
        logger.warning("status cache not available: %s", error)
        return None
    return found if isinstance(found, KnownStatus) else None


def remember(public_id: str, known: KnownStatus) -> None:
    """Store the answer about a task that has ended, for PIXTASKS_STATUS_CACHE_SECONDS."""
    seconds = settings.PIXTASKS_STATUS_CACHE_SECONDS
    if not seconds:
        return
    try:
        # Not set(): the row may have been changed since it was read, and then the key holds that mark.
        cache.add(_key(public_id), known, seconds)
    except (RedisError, OSError) as error:
        logger.warning("status cache not available: %s", error)


def forget_after_commit(public_ids: Iterable[str]) -> None:
    """Take back the answers about rows that this transaction changes, once it has committed."""
    keys = [_key(public_id) for public_id in public_ids]
    if keys:
        transaction.on_commit(lambda: _forget(keys), robust=True)


def _forget(keys: list[str]) -> None:
    try:
        cache.set_many(dict.fromkeys(keys, _CHANGED), settings.PIXTASKS_STATUS_CACHE_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("status cache not available: %s", error)


def _key(public_id: str) -> str:
    # Hashed, because a path may hold characters that a cache key must not.
    return f"celery-status:{hashlib.sha256(public_id.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"
