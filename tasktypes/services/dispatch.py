"""Dispatching: choose what may run now, mark it, commit, then ring (RELIABILITY.md, step 2).

A crash between the commit and the ring repairs itself: a row that nobody answers becomes due again. The broker's queue
therefore stays about as long as there are free slots, so priorities hold on every transport and a flushed broker costs
seconds.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from pixtasks.common.crash_points import crash_point
from pixtasks.common.sql import update_returning
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tasktypes.models.task import celery_id
from tasktypes.services import lanes
from tasktypes.services.inspect import free_slots
from tasktypes.services.pick import Candidate, pick
from tasktypes.states import State

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 1.0
"""A worker goes on claiming rows of the same handler for this long before it returns to the broker."""
_RING_AGAIN_MOST = 60


@dataclass(frozen=True, slots=True)
class Ring:
    """One message to send: it names a row and the attempt it expects to find."""

    task_id: int
    attempt: int
    type_name: str
    celery_id: str


def dispatch() -> int:
    """Hand out what may run now, for at most the free slots; return how many messages were sent."""
    if not (rings := choose()):
        return 0
    crash_point("dispatch.before_publish")
    sent = publish(rings)
    crash_point("dispatch.after_publish")
    return sent


def dispatch_after_commit() -> None:
    """Dispatch once the caller's transaction has committed; a failure is only logged: the dispatcher comes by."""
    transaction.on_commit(dispatch_quietly, robust=True)


def dispatch_quietly() -> None:
    """Dispatch, and leave it to the dispatcher process where that fails."""
    try:
        dispatch()
    except (DatabaseError, InterfaceError, BrokerError, OSError) as error:
        logger.warning("dispatch put off: %s", error)


def choose() -> list[Ring]:
    """Choose rows and mark them as handed out, in one transaction."""
    free = free_slots()
    if free.total <= 0:
        return []

    def fits(type_name: str) -> bool:
        handler = handlers.get(type_name)
        return handler is not None and free.queues.get(handler.queue, 0) > 0

    with transaction.atomic():
        candidates = [
            candidate
            for candidate in pick(free.total, runner=lanes.HANDLED, wanted=fits)
            if free.take(handlers[candidate.type_name].queue)
        ]
        rings = _mark(candidates)
        if rings:
            crash_point("dispatch.before_commit")
    return rings


def _mark(candidates: list[Candidate]) -> list[Ring]:
    """Mark rows as handed out; they become due again later each time nobody answers."""
    order = {candidate.id: place for place, candidate in enumerate(candidates)}
    rings: list[tuple[int, Ring]] = []
    for unanswered in sorted({candidate.unanswered for candidate in candidates}):
        ids = [candidate.id for candidate in candidates if candidate.unanswered == unanswered]
        rows = update_returning(
            Task.objects.filter(pk__in=ids, status=State.PENDING, due_at__lte=Now()),
            {
                "published_at": Now(),
                "rings": F("rings") + 1,
                "unanswered": F("unanswered") + 1,
                "due_at": Now() + timedelta(seconds=ring_again_after(unanswered)),
            },
            ["id", "attempt", "type_name", "public_id", "rings"],
        )
        rings += [
            (
                order[row["id"]],
                Ring(row["id"], row["attempt"], row["type_name"], celery_id(row["public_id"], row["rings"])),
            )
            for row in rows
        ]
    return [ring for _, ring in sorted(rings, key=lambda pair: pair[0])]


def ring_again_after(unanswered: int) -> float:
    """Return the seconds after which a row is rung again when ``unanswered`` earlier messages found nobody."""
    return float(min(settings.PIXTASKS_RING_AGAIN_SECONDS * 2**unanswered, _RING_AGAIN_MOST))


def publish(rings: list[Ring]) -> int:
    """Send the messages; return how many the broker took. The rest rings again by itself.

    A request may wait for this: a broker that refuses is noticed at once, one that is silent after two seconds.
    """
    sent = 0
    try:
        with current_app.producer_or_acquire() as producer:
            for ring in rings:
                handler = handlers[ring.type_name]
                current_app.send_task(
                    ring.type_name,
                    args=[ring.task_id, ring.attempt],
                    task_id=ring.celery_id,
                    queue=handler.queue,
                    time_limit=handler.time_limit + DRAIN_SECONDS + 5,
                    producer=producer,
                    retry=False,
                )
                sent += 1
    except (BrokerError, RedisError, OSError) as error:
        logger.warning("the broker took %d of %d messages, the rest rings again: %s", sent, len(rings), error)
        _ring_soon([ring.task_id for ring in rings[sent:]])
    return sent


def _ring_soon(ids: list[int]) -> None:
    """Let what the broker did not take wait no longer than a first ring: nobody has left it unanswered."""
    Task.objects.filter(pk__in=ids, status=State.PENDING, unanswered__gt=0).update(
        unanswered=F("unanswered") - 1, due_at=Now() + timedelta(seconds=ring_again_after(0))
    )
