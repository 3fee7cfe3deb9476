"""From an event and its listeners to the rows of its deliveries, each behind the ones before it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pixtasks.common.sql import database_now
from pixtasks.common.times import wire_time
from tasktypes.models import WebhookDelivery
from tasktypes.services.submit import NewTask, submit
from tasktypes.webhooks.models import DeliveryState, WebhookEvent
from tasktypes.webhooks.services.audience import Listener

DELIVER: Final = "webhooks.deliver"
"""The handler's name."""
MAX_RETRIES: Final = 7

Place = tuple[int, str]
"""An endpoint's id and a subject: deliveries of one place go one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event, whoever hears of it.

    Args:
        subject: what it tells of: ``task:<public id>``, ``job:12``, ``validation:3``; the order holds within one.
        facts: what stands in the body beside id, event and time.
        priority: of the tasks that send it.
        task_number, task_public_id: the task it tells of, where it is one.
    """

    subject: str
    event: WebhookEvent
    facts: dict[str, Any]
    priority: int = 100
    task_number: int | None = None
    task_public_id: str = ""


def enqueue(pairs: Sequence[tuple[Listener, Message]]) -> None:
    """Insert one delivery per pair, with the task that sends it; inside the transaction that caused the event."""
    if not pairs:
        return
    now = database_now()
    waiting = {(row.endpoint_id, row.subject) for row in lock_waiting(_places(pairs))}
    by_owner: dict[int, list[tuple[Listener, Message]]] = {}
    for pair in pairs:
        by_owner.setdefault(pair[0].owner_id, []).append(pair)
    for owner_id in sorted(by_owner):
        mine = by_owner[owner_id]
        event_ids = [uuid.uuid4() for _ in mine]
        senders = submit(
            [
                new_sender(event_id, priority=message.priority, held=(listener.endpoint_id, message.subject) in waiting)
                for event_id, (listener, message) in zip(event_ids, mine, strict=True)
            ],
            owner_id=owner_id,
        )
        WebhookDelivery.objects.bulk_create(
            [
                WebhookDelivery(
                    event_id=event_id,
                    endpoint_id=listener.endpoint_id,
                    subject=message.subject,
                    task_number=message.task_number,
                    task_public_id=message.task_public_id,
                    event=message.event,
                    body=text_of(event_id, message, now),
                    sender=sender,
                    created_at=now,
                )
                for event_id, (listener, message), sender in zip(event_ids, mine, senders, strict=True)
            ],
            batch_size=500,
        )


def replace_waiting(pairs: Sequence[tuple[Listener, Message]]) -> list[tuple[Listener, Message]]:
    """Put progress into a delivery that still waits for its first try; return the pairs that have none.

    Only the latest delivery of a place may be replaced, else progress would overtake what came after it. The guard is
    ``frozen_at``: the sender sets it and reads the body in one statement, so what was sent once is never changed.
    """
    if not pairs:
        return []
    now = database_now()
    latest = {(row.endpoint_id, row.subject): row for row in lock_waiting(_places(pairs))}
    left = []
    for listener, message in pairs:
        row = latest.get((listener.endpoint_id, message.subject))
        if row is None or row.event != message.event or row.frozen_at is not None:
            left.append((listener, message))
            continue
        WebhookDelivery.objects.filter(pk=row.pk).update(body=text_of(row.event_id, message, now), created_at=now)
    return left


def lock_waiting(places: Iterable[Place]) -> list[WebhookDelivery]:
    """Lock the pending deliveries of these places and return them without their bodies, the oldest first.

    The lock makes the end of a predecessor wait for this transaction, so that it sees the successor it is to release.
    """
    wanted = set(places)
    rows = (
        WebhookDelivery.objects.filter(
            endpoint_id__in={endpoint_id for endpoint_id, _ in wanted},
            subject__in={subject for _, subject in wanted},
            state=DeliveryState.PENDING,
        )
        .order_by("id")
        .only("id", "event_id", "endpoint_id", "subject", "event", "frozen_at")
        .select_for_update(no_key=True)
    )
    return [row for row in rows if (row.endpoint_id, row.subject) in wanted]


def new_sender(event_id: uuid.UUID, *, priority: int, held: bool) -> NewTask:
    """Return the task that sends a delivery; ``held`` while an earlier one of its place is pending."""
    return NewTask(
        type_name=DELIVER,
        parameters={"delivery_id": str(event_id)},
        priority=priority,
        max_retries=MAX_RETRIES,
        held=held,
    )


def text_of(event_id: uuid.UUID, message: Message, now: datetime) -> str:
    """Return the JSON that is sent."""
    document = {"id": str(event_id), "event": message.event.value, "created_at": wire_time(now), **message.facts}
    # Escaped to ASCII: a lone surrogate that a result holds must not keep its task from ending.
    return json.dumps(document, separators=(",", ":"))


def _places(pairs: Iterable[tuple[Listener, Message]]) -> set[Place]:
    return {(listener.endpoint_id, message.subject) for listener, message in pairs}
