"""Progress that comes in through the webhook: taken in once, and its effect on the task it tells of (CONTRACT X46)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from gather.models import ReceivedEvent
from gather.services.forwarding import forward
from pixtasks.common.errors import Conflict
from pixtasks.common.sql import database_now
from tasktypes.models import Task
from tasktypes.services.reported import report_progress
from tasktypes.states import TERMINAL

Effect = Literal["told", "applied", "none"]
_AT_A_TIME: Final = 5000
_POSITION: Final = "currentIteration"


class DuplicateEvent(Conflict):
    """This event was accepted before."""

    code = "DUPLICATE_EVENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An event as its sender tells it.

    Args:
        fingerprint: what it is known by; the same one is accepted once.
        task_id: a task's public id, or its number as text; it need not be one of this ledger's.
        event: progress, complete, error or cancelled.
        data: how far the task is.
        sent_at: as the sender says.
    """

    fingerprint: str
    task_id: str
    event: str
    data: dict[str, Any]
    sent_at: datetime


def receive(incoming: Incoming) -> Effect:
    """Take in an event whose signature was checked: store it, apply it, have it forwarded, in one transaction.

    Returns:
        ``applied``: it is the progress of an unfinished task of an outside worker now, and a line of its history.
        ``told``: it changes nothing and is handed on: the task is not of this ledger, or a handler runs it and reports
        for itself. ``none``: it is stored, and that is all: the task has ended, or was further already.

    Raises:
        DuplicateEvent: it was accepted before; of two at once one is.
    """
    with transaction.atomic():
        _begin_writing()
        task = task_named(incoming.task_id)
        public_id = incoming.task_id if task is None else task.public_id
        try:
            with transaction.atomic():
                received = ReceivedEvent.objects.create(
                    body_sha256=incoming.fingerprint,
                    task_public_id=public_id,
                    event=incoming.event,
                    data=incoming.data,
                    sent_at=incoming.sent_at,
                    received_at=database_now(),
                )
        except IntegrityError as error:
            raise DuplicateEvent from error
        effect = _apply(task, incoming)
        if effect != "none":
            forward(received)
    return effect


def _begin_writing() -> None:
    """Take this transaction's number before its event's: the live feed finds late events by the order of the two."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")


def task_named(task_id: str) -> Task | None:
    """Return the task that an event names, by its public id or by the number that ``/api/tasks`` shows."""
    task = Task.objects.filter(public_id=task_id).first()
    if task is None and task_id.isascii() and task_id.isdecimal() and len(task_id) < 19:
        task = Task.objects.filter(pk=int(task_id)).first()
    return task


def forget_events() -> int:
    """Delete events older than PIXTASKS_RECEIVED_KEEP_DAYS and return how many these were."""
    old = ReceivedEvent.objects.filter(received_at__lt=Now() - timedelta(days=settings.PIXTASKS_RECEIVED_KEEP_DAYS))
    total = 0
    while ids := list(old.order_by("id").values_list("id", flat=True)[:_AT_A_TIME]):
        total += ReceivedEvent.objects.filter(id__in=ids).delete()[0]
    return total


def _apply(task: Task | None, incoming: Incoming) -> Effect:
    if task is None:
        return "told"
    if task.status in TERMINAL:
        return "none"
    if task.task_type_id is None:
        return "told"
    reported = dict(incoming.data)
    if incoming.event == "error":
        # The history has one word for progress; this key makes it show as an error.
        reported.setdefault("error", str(reported.get("message") or "The sender reported an error"))

    def change(present: Mapping[str, Any]) -> dict[str, Any] | None:
        before, now = _position(present), _position(reported)
        if before is None or now is None:
            # It does not say how far the task is, so what is known of that stays.
            return {**present, **reported} if now is None else reported
        return reported if now >= before else None

    return "applied" if report_progress(task.pk, change) else "none"


def _position(progress: Mapping[str, Any]) -> float | None:
    value = progress.get(_POSITION)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
