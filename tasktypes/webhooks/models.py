"""Endpoints and deliveries. What they tell of is named by number and id, so that a deleted task keeps its history."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class WebhookEvent(models.TextChoices):
    """What endpoints can be told."""

    COMPLETED = "task.completed", "Task completed"
    FAILED = "task.failed", "Task failed"
    CANCELLED = "task.cancelled", "Task cancelled"
    PROGRESS = "task.progress", "Task progress"
    JOB_COMPLETED = "job.completed", "Job completed"
    JOB_FAILED = "job.failed", "Job failed"
    JOB_CANCELLED = "job.cancelled", "Job cancelled"
    VALIDATION_COMPLETED = "validation.completed", "Validation completed"
    VALIDATION_FAILED = "validation.failed", "Validation failed"
    VALIDATION_CANCELLED = "validation.cancelled", "Validation cancelled"


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "pending", "Pending"  # Waits for its turn or its next try.
    DELIVERED = "delivered", "Delivered"  # The receiver answered with a 2xx.
    DEAD = "dead", "Dead"  # Given up; it can be sent again by hand.


def all_events() -> list[str]:
    """Return the ends of tasks: what a new endpoint hears of where it names no events."""
    return [WebhookEvent.COMPLETED.value, WebhookEvent.FAILED.value, WebhookEvent.CANCELLED.value]


class WebhookEndpoint(models.Model):
    """An address that hears about its owner's tasks and jobs: about all, those of a type, one task, or one scope."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhook_endpoints", db_index=False
    )
    url = models.TextField()
    description = models.CharField(max_length=200, blank=True, default="")
    events = models.JSONField(default=all_events)
    type_name = models.CharField(max_length=200, blank=True, default="", help_text="Tasks of this type only.")
    task_number = models.PositiveBigIntegerField(null=True, blank=True, help_text="This task only.")
    scope = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="Only what belongs to this, whoever started it: project:12.",
    )
    is_active = models.BooleanField(default=True)
    secret = models.CharField(max_length=100, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, default="", editable=False)
    previous_secret_expires_at = models.DateTimeField(null=True, blank=True)
    # Deleting only marks the row: a transaction that is just ending a task may be about to refer to it.
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "webhook_endpoints"
        ordering = ("-id",)
        indexes = [
            models.Index(name="webhook_endpoint_by_owner", fields=["owner", "id"]),
            models.Index(
                name="webhook_endpoint_by_task",
                fields=["task_number"],
                condition=Q(is_active=True, task_number__isnull=False),
            ),
            models.Index(name="webhook_endpoint_by_scope", fields=["scope"], condition=Q(is_active=True, scope__gt="")),
        ]
        constraints = [
            models.CheckConstraint(
                name="webhook_deleted_is_off", condition=Q(deleted_at__isnull=True) | Q(is_active=False)
            ),
        ]

    def __str__(self) -> str:
        return f"endpoint {self.pk}"

    def live_secrets(self, now: datetime | None = None) -> list[str]:
        """Return the secrets that count now: the present one, then the previous one while it lasts."""
        live = [self.secret]
        expires = self.previous_secret_expires_at
        if self.previous_secret and expires is not None and expires > (now or timezone.now()):
            live.append(self.previous_secret)
        return live


class WebhookDelivery(models.Model):
    """One event for one endpoint: what is sent, and every try."""

    event_id = models.UUIDField(unique=True, default=uuid.uuid4, help_text="Stays the same in every try.")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    subject = models.CharField(
        max_length=100, db_default="", help_text="What it tells of, such as task:<id> or job:12; deliveries keep order."
    )
    task_number = models.PositiveBigIntegerField(null=True, help_text="Of the task it tells of, where it is one.")
    task_public_id = models.CharField(max_length=64, default="")
    event = models.CharField(max_length=40, choices=WebhookEvent.choices)
    body = models.TextField(help_text="JSON, byte for byte as it is signed and sent; ASCII.")
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.JSONField(default=list)
    frozen_at = models.DateTimeField(
        null=True, help_text="When the first try of a progress delivery began: its body is replaced no more."
    )
    sender = models.ForeignKey(
        "tasktypes.Task",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The task that sends it; the latest one, where it was sent again by hand.",
    )
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "webhook_deliveries"
        ordering = ("-id",)
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(
                name="webhook_delivery_turn",
                fields=["endpoint", "subject", "id"],
                condition=Q(state=DeliveryState.PENDING),
            ),
            models.Index(name="webhook_delivery_by_age", fields=["created_at"]),
            models.Index(name="webhook_delivery_by_task", fields=["task_number", "id"]),
            models.Index(name="webhook_delivery_by_subject", fields=["subject", "id"]),
            models.Index(
                name="webhook_delivery_not_made",
                fields=["state", "id"],
                condition=Q(state__in=[DeliveryState.PENDING, DeliveryState.DEAD]),
            ),
        ]
        constraints = [
            models.CheckConstraint(name="webhook_state_known", condition=Q(state__in=DeliveryState.values)),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.event_id}"
