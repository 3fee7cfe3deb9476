"""Long polls: waiting for a task that an outside worker can take, without holding anything while waiting."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import BoundedSemaphore
from time import monotonic, sleep
from typing import TypeVar

from django.db.models.functions import Now

from tasktypes.models import Task
from tasktypes.services import lanes
from tasktypes.states import State

T = TypeVar("T")

PAUSE = 0.5
"""Seconds between two looks."""
SEATS = 64
"""Every one that waits holds a thread and a database connection; those beyond so many are answered at once."""
_seats = BoundedSemaphore(SEATS)


def claim_or_wait(
    claim: Callable[[], list[T]], *, seconds: float, type_names: Collection[str] | None, owner_id: int | None
) -> list[T]:
    """Claim; where there is nothing, look again until there is something or the time is over.

    A look reads and locks nothing: on SQLite a claim that finds nothing would still keep writers out.

    Args:
        claim: returns what it could take.
        seconds: how long at most.
        type_names, owner_id: what ``claim`` takes, see :func:`tasktypes.services.claim.claim_outside`.
    """
    taken = claim()
    if taken or seconds <= 0 or not _seats.acquire(blocking=False):
        return taken
    try:
        deadline = monotonic() + seconds
        while not taken and (left := deadline - monotonic()) > 0:
            sleep(min(PAUSE, left))
            if work_waits(type_names=type_names, owner_id=owner_id):
                taken = claim()
        return taken
    finally:
        _seats.release()


def work_waits(*, type_names: Collection[str] | None, owner_id: int | None) -> bool:
    """Say whether a claim might find something now."""
    names = [
        name
        for waiting in lanes.waiting_lanes(lanes.OUTSIDE).values()
        for name in waiting
        if (type_names is None or lanes.type_of(name) in type_names)
        and (owner_id is None or lanes.owner_of(name) == owner_id)
    ]
    return any(
        Task.objects.filter(lane=name, status=State.PENDING, due_at__isnull=False, due_at__lte=Now()).exists()
        for name in names
    )
