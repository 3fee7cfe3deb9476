"""How often somebody may call. The rates are read from the settings at every call.

Two counters, both atomic on every Django cache. ``SlotLimit`` is exact in any window and meant for small numbers
(starting a job, signing in). ``FlowLimit`` costs two cache operations whatever the number, and is meant for the
general limit; it weighs the window before by the share of it that is still inside, so a burst may reach less than
twice the number while the rate over time is kept.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import structlog
from django.core.cache import cache as shared_cache
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from .errors import RateLimited

if TYPE_CHECKING:
    # The framework's views import this module, by its name in the settings, before their class exists.
    from rest_framework.views import APIView

logger = structlog.get_logger(__name__)

_PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Counts per process while the shared cache is away: a limit that is too wide for a while beats an API that is down.
_fallback = LocMemCache("throttles", {"OPTIONS": {"MAX_ENTRIES": 50_000}})


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``number`` calls in any ``seconds``."""

    number: int
    seconds: int


def rate_of(scope: str) -> Rate | None:
    """Return the rate of a scope, such as ``10/minute``; None (unlimited) where it is empty or its number is 0."""
    text = str(api_settings.DEFAULT_THROTTLE_RATES.get(scope) or "")
    number, _, period = text.partition("/")
    if not number.strip() or int(number) == 0:
        return None
    return Rate(int(number), _PERIODS[period.strip()[0]])


def _key(scope: str, ident: str) -> str:
    # Hashed, because an address or email may hold characters that a cache key must not.
    return f"limit:{scope}:{hashlib.sha256(ident.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _guarded(count: Callable[[BaseCache], Any]) -> Any:
    try:
        return count(shared_cache)
    except (RedisError, OSError) as error:
        logger.warning("throttle_cache_unavailable", error=str(error))
        return count(_fallback)


class Slot:
    """One call that was counted; :meth:`give_back` uncounts it."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def give_back(self) -> None:
        """Let another call have the place."""
        key = self._key
        if key is not None:
            _guarded(lambda cache: cache.delete(key))


class SlotLimit:
    """Exact in any window: a call takes one of N slots, and a slot is free again when its window is over.

    ``cache.add`` is the atomic step, so calls at the same time cannot share a slot.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def take(self, ident: str) -> Slot:
        """Count one call.

        Args:
            ident: whose calls are counted together.

        Raises:
            RateLimited: there is no slot; ``retry_after`` says in how many seconds one gets free.
        """
        rate = rate_of(self.scope)
        if rate is None:
            return Slot(None)
        found: str | float = _guarded(lambda cache: self._take(cache, _key(self.scope, ident), rate))
        if isinstance(found, str):
            return Slot(found)
        raise RateLimited(
            f"Too many requests: at most {rate.number} in {rate.seconds} seconds. "
            f"Please retry in {max(1, math.ceil(found))} seconds.",
            retry_after=found,
        )

    @staticmethod
    def _take(cache: BaseCache, key: str, rate: Rate) -> str | float:
        """Return the key of the slot that was taken, or the seconds until one gets free."""
        slots = [f"{key}:{number}" for number in range(rate.number)]
        now = time.time()
        taken = cache.get_many(slots)
        for slot in slots:
            if slot not in taken and cache.add(slot, now + rate.seconds, rate.seconds):
                return slot
        ends = [float(end) for end in cache.get_many(slots).values()]
        return max(0.0, min(ends, default=now + 1) - now)


class FlowLimit:
    """Two fixed windows, the one before weighed by how much of it is still inside: O(1) for any number."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def take(self, ident: str, *, weight: int = 1) -> None:
        """Count one call.

        Args:
            ident: whose calls are counted together.
            weight: as how many it counts; one above the limit passes alone, where nothing else was counted.

        Raises:
            RateLimited: the limit is reached; ``retry_after`` says when the next call may come.
        """
        rate = rate_of(self.scope)
        if rate is None:
            return
        weight = min(weight, rate.number)
        wait: float = _guarded(lambda cache: self._take(cache, _key(self.scope, ident), rate, weight))
        if wait > 0:
            raise RateLimited(
                f"Too many requests: at most {rate.number} in {rate.seconds} seconds. "
                f"Please retry in {max(1, math.ceil(wait))} seconds.",
                retry_after=wait,
            )

    @staticmethod
    def _take(cache: BaseCache, key: str, rate: Rate, weight: int) -> float:
        """Return 0 where the call may go on, else the seconds to wait."""
        window, inside = divmod(time.time(), rate.seconds)
        before, now = f"{key}:{int(window) - 1}", f"{key}:{int(window)}"
        counts = cache.get_many([before, now])
        past, current = int(counts.get(before, 0)), int(counts.get(now, 0))
        share = 1 - inside / rate.seconds
        if current + past * share + weight > rate.number:
            if current + weight > rate.number or not past:
                return rate.seconds - inside
            # The share of the window before must fall until there is room for this call.
            return max(0.001, (share - (rate.number - current - weight) / past) * rate.seconds)
        if now not in counts:
            cache.add(now, 0, 2 * rate.seconds)
        try:
            cache.incr(now, weight)
        except ValueError:  # Evicted in between: the count starts again.
            cache.set(now, weight, 2 * rate.seconds)
        return 0.0


def caller_address(request: Any) -> str:
    """Return the client's address, through as many proxies as ``NUM_PROXIES`` names and no more."""
    return str(BaseThrottle().get_ident(request) or "")


def caller_ident(request: Request) -> str:
    """Return whose calls are counted together: the user, or the address of somebody without one."""
    user = request.user
    return f"user:{user.pk}" if user is not None and user.is_authenticated else f"address:{caller_address(request)}"


class GeneralThrottle(BaseThrottle):
    """The general limit of every endpoint, per caller (scope ``general``)."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request.

        Raises:
            RateLimited: the limit is reached.
        """
        FlowLimit("general").take(caller_ident(request))
        return True


class ExactThrottle(BaseThrottle):
    """An exact limit per caller; subclasses name the scope. It counts beside the general limit."""

    scope: ClassVar[str]

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request.

        Raises:
            RateLimited: the limit is reached.
        """
        SlotLimit(self.scope).take(caller_ident(request))
        return True


class StartJobThrottle(ExactThrottle):
    """At most ten starts a minute and caller by default (CONTRACT J13, X19)."""

    scope = "start_job"
