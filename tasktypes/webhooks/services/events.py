"""From the end of a task to the rows of its deliveries, all inside the ending transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q

from pixtasks.common.sql import database_now
from pixtasks.common.times import wire_time
from tasktypes.handlers import EndedTask
from tasktypes.models import Task, WebhookDelivery, WebhookEndpoint
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tasktypes.webhooks.models import DeliveryState, WebhookEvent

DELIVER: Final = "webhooks.deliver"
"""The handler's name."""
MAX_RETRIES: Final = 7
EVENTS_KEY: Final = "webhook_events"
"""In a task's metadata: the events it may cause, absent for all (CONTRACT X48: preferences gate webhooks)."""

_EVENTS: Final = {
    State.COMPLETED: WebhookEvent.COMPLETED,
    State.FAILED: WebhookEvent.FAILED,
    State.CANCELLED: WebhookEvent.CANCELLED,
}
_RESULT_LIMIT: Final = 100_000
_AT_A_TIME: Final = 500


@dataclass(frozen=True, slots=True)
class _Match:
    endpoint_id: int
    owner_id: int
    task: EndedTask
    event: WebhookEvent


def notify(ended: Sequence[EndedTask]) -> None:
    """Insert a delivery for every endpoint that wants to hear that these tasks have ended.

    Call it inside the ending transaction, once per end. It costs one query while nobody listens.
    """
    # Deliveries are tasks, too: telling about them would never end.
    told = [task for task in ended if task.type_name != DELIVER]
    for start in range(0, len(told), _AT_A_TIME):
        matches = _matches(told[start : start + _AT_A_TIME])
        if matches:
            _insert(matches)


def _matches(ended: Sequence[EndedTask]) -> list[_Match]:
    owners = {task.created_by_id for task in ended if task.created_by_id is not None}
    endpoints = list(
        WebhookEndpoint.objects.filter(
            Q(task_number__isnull=True, owner_id__in=owners) | Q(task_number__in=[task.id for task in ended]),
            is_active=True,
        )
        .order_by("id")
        .values_list("id", "owner_id", "owner__is_staff", "type_name", "task_number", "events")
    )
    found = []
    for task in ended if endpoints else ():
        event = _EVENTS[task.status]
        for endpoint_id, owner_id, is_staff, type_name, task_number, events in endpoints:
            # Staff see everybody's tasks, and may follow one of them; their own endpoints without one hear only theirs.
            allowed = owner_id == task.created_by_id or (is_staff and task_number is not None)
            wanted = type_name in {"", task.type_name} and task_number in {None, task.id} and event in events
            if allowed and wanted:
                found.append(_Match(endpoint_id, owner_id, task, event))
    return found


def _insert(matches: Sequence[_Match]) -> None:
    now = database_now()
    facts = {
        row["id"]: row
        for row in Task.objects.filter(pk__in={match.task.id for match in matches}).values(
            "id", "metadata", "priority", "completed_at"
        )
    }
    matches = [match for match in matches if _may_cause(facts[match.task.id]["metadata"], match.event)]
    waiting = _waiting(matches)
    by_owner: dict[int, list[_Match]] = {}
    for match in matches:
        by_owner.setdefault(match.owner_id, []).append(match)
    for owner_id in sorted(by_owner):
        mine = by_owner[owner_id]
        event_ids = [uuid.uuid4() for _ in mine]
        senders = submit(
            [
                new_sender(
                    event_id,
                    priority=facts[match.task.id]["priority"],
                    held=(match.endpoint_id, match.task.id) in waiting,
                )
                for event_id, match in zip(event_ids, mine, strict=True)
            ],
            owner_id=owner_id,
        )
        WebhookDelivery.objects.bulk_create(
            [
                WebhookDelivery(
                    event_id=event_id,
                    endpoint_id=match.endpoint_id,
                    task_number=match.task.id,
                    task_public_id=match.task.public_id,
                    event=match.event,
                    body=body_of(event_id, match.event, match.task, facts[match.task.id]["completed_at"], now),
                    sender=sender,
                    created_at=now,
                )
                for event_id, match, sender in zip(event_ids, mine, senders, strict=True)
            ],
            batch_size=500,
        )


def new_sender(event_id: uuid.UUID, *, priority: int, held: bool) -> NewTask:
    """Return the task that sends a delivery; ``held`` while an earlier one of its endpoint and task is pending."""
    return NewTask(
        type_name=DELIVER,
        parameters={"delivery_id": str(event_id)},
        priority=priority,
        max_retries=MAX_RETRIES,
        held=held,
    )


def _waiting(matches: Iterable[_Match]) -> set[tuple[int, int]]:
    """Lock the pending deliveries of the same endpoints and tasks, and return which (endpoint, task) have some.

    The lock makes the end of a predecessor wait for this transaction, so that it sees the successor it is to release.
    """
    wanted = list(matches)
    rows = (
        WebhookDelivery.objects.filter(
            endpoint_id__in={match.endpoint_id for match in wanted},
            task_number__in={match.task.id for match in wanted},
            state=DeliveryState.PENDING,
        )
        .order_by("id")
        .select_for_update(no_key=True)
    )
    return set(rows.values_list("endpoint_id", "task_number"))


def _may_cause(metadata: dict[str, Any], event: WebhookEvent) -> bool:
    chosen = metadata.get(EVENTS_KEY)
    return not isinstance(chosen, list) or event in chosen


def body_of(
    event_id: uuid.UUID, event: WebhookEvent, task: EndedTask, completed_at: datetime | None, now: datetime
) -> str:
    """Return the JSON that is sent. A result of more than 100,000 characters is left out, and that is said."""
    result = json.dumps(task.result, separators=(",", ":"))
    fits = len(result) <= _RESULT_LIMIT
    document = {
        "id": str(event_id),
        "event": event.value,
        "created_at": wire_time(now),
        "task": {
            "id": task.id,
            "task_id": task.public_id,
            "task_type": task.type_name,
            "status": task.status.value,
            "result": task.result if fits else None,
            "result_omitted": not fits,
            "error_message": task.error_message,
            "completed_at": wire_time(completed_at),
        },
    }
    # Escaped to ASCII: a lone surrogate that a result holds must not keep its task from ending.
    return json.dumps(document, separators=(",", ":"))
