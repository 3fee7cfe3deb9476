"""A request that is sent twice under one ``Idempotency-Key`` is carried out once (CONTRACT X22, X64).

The first request reserves the key in a transaction of its own, so that a second one at the same time sees it. Its
answer is stored in the transaction of the work itself: after a crash there are both or neither, and a reservation
whose holder died is taken over.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from pixtasks.accounts.models import IdempotencyRecord, User
from pixtasks.common.errors import Conflict, FieldError, InvalidInput

_ABANDONED_AFTER = timedelta(minutes=1)


class StillRunning(Conflict):
    """A request with this Idempotency-Key is still being carried out; repeat it in a moment."""

    retry_after = 1.0


@dataclass(frozen=True, slots=True)
class Reservation:
    """The caller is to carry the request out, then :func:`keep` its answer or :func:`give_back` the key."""

    record_id: int
    holder: uuid.UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request was answered; ``body`` is JSON text."""

    status: int
    body: str


def reserve(*, user: User, method: str, path: str, key: str, fingerprint: str) -> Reservation | Answer:
    """Reserve a key, or return the answer that it already has. Call it outside of any transaction.

    Args:
        key: what the client sent, 1 to 200 characters.
        fingerprint: digest of everything else that makes the request.

    Raises:
        InvalidInput: the key was used for another request.
        StillRunning: the first request has not been answered yet.
    """
    lifetime = timedelta(seconds=settings.PIXTASKS_IDEMPOTENCY_SECONDS)
    IdempotencyRecord.objects.filter(user=user, created_at__lt=Now() - lifetime).delete()
    holder = uuid.uuid4()
    record, reserved = IdempotencyRecord.objects.get_or_create(
        user=user,
        method=method,
        path=path[:300],  # The fingerprint holds the whole path.
        key=key,
        defaults={"fingerprint": fingerprint, "holder": holder},
    )
    if reserved:
        return Reservation(record.pk, holder)
    if record.fingerprint != fingerprint:
        raise InvalidInput(
            FieldError(
                ("header", "Idempotency-Key"),
                "this key was used for another request; choose a new one",
                "value_error.idempotency_key",
            )
        )
    if record.status is not None:
        return Answer(record.status, record.body)
    taken_over = IdempotencyRecord.objects.filter(
        pk=record.pk, holder=record.holder, status=None, held_since__lt=Now() - _ABANDONED_AFTER
    ).update(holder=holder, held_since=Now())
    if not taken_over:
        raise StillRunning
    return Reservation(record.pk, holder)


def keep(reservation: Reservation, answer: Answer) -> None:
    """Store the answer, inside the transaction of the work.

    Raises:
        StillRunning: somebody took the key over; the transaction must be rolled back.
    """
    held = IdempotencyRecord.objects.filter(pk=reservation.record_id, holder=reservation.holder, status=None)
    if not held.update(status=answer.status, body=answer.body):
        raise StillRunning


def give_back(reservation: Reservation) -> None:
    """Let the key be used again: the request was refused, so nothing is to be replayed."""
    IdempotencyRecord.objects.filter(pk=reservation.record_id, holder=reservation.holder, status=None).delete()
