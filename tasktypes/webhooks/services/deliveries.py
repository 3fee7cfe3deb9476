"""Deliveries after they were made: who may see them, what their task's end means, sending again, forgetting."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import AccessDenied, Conflict, NotFound, RuleViolation
from tasktypes.handlers import EndedTask
from tasktypes.models import WebhookDelivery
from tasktypes.services.submit import release, submit
from tasktypes.states import State
from tasktypes.webhooks.models import DeliveryState
from tasktypes.webhooks.services.queue import lock_waiting, new_sender

_AT_A_TIME = 1000


def deliveries_of(user: User) -> QuerySet[WebhookDelivery]:
    """Return the deliveries to the caller's endpoints; staff see all."""
    rows = WebhookDelivery.objects.all()
    return rows if user.is_staff else rows.filter(endpoint__owner=user)


def delivery_for(user: User, event_id: uuid.UUID) -> WebhookDelivery:
    """Return a delivery the caller may see.

    Raises:
        NotFound: there is none of that id.
        AccessDenied: it goes to somebody else's endpoint.
    """
    delivery = WebhookDelivery.objects.select_related("endpoint").filter(event_id=event_id).first()
    if delivery is None:
        raise NotFound("Webhook delivery not found")
    if not user.is_staff and delivery.endpoint.owner_id != user.pk:
        raise AccessDenied
    return delivery


def redeliver(event_id: uuid.UUID, *, actor: User, address: str | None = None) -> WebhookDelivery:
    """Send a delivery again, with the same id and body and a fresh budget of tries.

    Raises:
        Conflict: it is still being tried by itself.
        RuleViolation: its endpoint was deleted or is switched off.
        NotFound, AccessDenied: as :func:`delivery_for`.
    """
    delivery_for(actor, event_id)
    with transaction.atomic():
        delivery = (
            WebhookDelivery.objects.select_for_update(no_key=True, of=("self",))
            .select_related("endpoint")
            .get(event_id=event_id)
        )
        if delivery.state == DeliveryState.PENDING:
            raise Conflict("This delivery is still being tried; it can be sent again once it is delivered or dead.")
        if delivery.endpoint.deleted_at is not None:
            raise RuleViolation("The endpoint of this delivery was deleted.")
        if not delivery.endpoint.is_active:
            raise RuleViolation("The endpoint of this delivery is switched off; switch it on first.")
        earlier = lock_waiting([(delivery.endpoint_id, delivery.subject)])
        held = any(row.pk < delivery.pk for row in earlier)
        (delivery.sender,) = submit(
            [new_sender(delivery.event_id, priority=100, held=held)], owner_id=delivery.endpoint.owner_id
        )
        delivery.state = DeliveryState.PENDING
        delivery.ended_at = None
        delivery.save(update_fields=["sender", "state", "ended_at"])
        audit(
            "webhook.redelivered",
            actor=actor,
            object_type="tasktypes.webhookdelivery",
            object_id=delivery.event_id,
            detail={"endpoint": delivery.endpoint_id, "subject": delivery.subject},
            address=address,
        )
    return delivery


def senders_ended(tasks: Sequence[EndedTask]) -> None:
    """Take in that sending tasks have ended, inside their ending transaction; let the next delivery of each go."""
    for task in sorted(tasks, key=lambda one: one.id):
        mine = WebhookDelivery.objects.filter(sender_id=task.id)
        if task.status != State.COMPLETED:
            mine.filter(state=DeliveryState.PENDING).update(state=DeliveryState.DEAD, ended_at=Now())
        place = mine.values_list("endpoint_id", "subject").first()
        if place is None:
            continue
        next_sender = _waiting(*place).order_by("id").values_list("sender_id", flat=True).first()
        if next_sender is not None:
            release(next_sender)


def senders_reopened(tasks: Sequence[EndedTask]) -> None:
    """Take in that dead deliveries' tasks were retried by the verbs for tasks."""
    WebhookDelivery.objects.filter(sender_id__in=[task.id for task in tasks], state=DeliveryState.DEAD).update(
        state=DeliveryState.PENDING, ended_at=None
    )


def forget_deliveries() -> int:
    """Drop deliveries that ended and are older than PIXTASKS_WEBHOOK_KEEP_DAYS; return how many."""
    old = WebhookDelivery.objects.filter(
        created_at__lt=Now() - timedelta(days=settings.PIXTASKS_WEBHOOK_KEEP_DAYS),
        state__in=[DeliveryState.DELIVERED, DeliveryState.DEAD],
    )
    forgotten = 0
    while ids := list(old.order_by("id").values_list("id", flat=True)[:_AT_A_TIME]):
        forgotten += WebhookDelivery.objects.filter(pk__in=ids).delete()[0]
    return forgotten


def _waiting(endpoint_id: int, subject: str) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(endpoint_id=endpoint_id, subject=subject, state=DeliveryState.PENDING)
