"""The ledger's row."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tasktypes.states import State


def new_public_id() -> str:
    """Return a fresh uuid4 as text (CONTRACT J08)."""
    return str(uuid.uuid4())


class DependencyFailure(models.TextChoices):
    """What a task does when a prerequisite ends badly (CONTRACT X70)."""

    FAIL = "fail", "Fail, naming the prerequisite"
    WAIT = "wait", "Wait until it is retried"


class Task(models.Model):
    """One thing to run: what, whether it may run now, who runs it, how far it is, how it ended."""

    public_id = models.CharField(
        max_length=64, unique=True, default=new_public_id, help_text="The id that J, C and G show; it never changes."
    )
    type_name = models.CharField(max_length=200, help_text="A handler's name, or that of a declared task type.")
    task_type = models.ForeignKey(
        "tasktypes.TaskType",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        help_text="Set for declared types, which outside workers run; empty for handlers.",
    )
    group = models.ForeignKey(
        "tasktypes.TaskGroup", null=True, blank=True, on_delete=models.CASCADE, related_name="tasks", db_index=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tasks",
        db_index=False,  # task_of_owner serves.
    )

    status = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    parameters = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    priority = models.PositiveSmallIntegerField(default=100, help_text="1 to 1000; lower runs first.")
    result = models.JSONField(null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    traceback = models.TextField(blank=True, default="")
    progress = models.JSONField(null=True, blank=True, help_text="How far it is, for people to see.")
    state = models.JSONField(null=True, blank=True, help_text="From where the next attempt goes on; the handler's own.")

    attempt = models.PositiveIntegerField(default=0, help_text="A fence: grows with every claim, never shrinks.")
    retries = models.PositiveIntegerField(default=0)
    max_retries = models.PositiveIntegerField(default=3)
    crashes = models.PositiveSmallIntegerField(default=0, help_text="Lost workers since the last checkpoint.")

    run_after = models.DateTimeField(null=True, blank=True, help_text="Not before this time.")
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When the dispatcher may hand it out next; empty while it is held back."
    )
    depends_on = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="dependents")
    unmet = models.PositiveIntegerField(default=0, help_text="Prerequisites that have not completed.")
    on_dependency_failure = models.CharField(
        max_length=4, choices=DependencyFailure.choices, default=DependencyFailure.FAIL
    )
    rate_key = models.CharField(max_length=200, blank=True, default="")
    lane = models.CharField(max_length=500, help_text="Rows alike in priority, type, rate key and owner; see lanes.py.")
    dedup_key = models.CharField(max_length=64, null=True, blank=True)

    worker = models.CharField(max_length=200, blank=True, default="")
    carrier = models.CharField(max_length=120, blank=True, default="", help_text="Id of the message that carries it.")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True, help_text="When it was last handed out.")
    rings = models.PositiveIntegerField(default=0, help_text="Messages sent for it, ever.")
    unanswered = models.PositiveSmallIntegerField(default=0, help_text="Messages sent since it last ran.")
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    event_seq = models.PositiveIntegerField(default=0)

    retried_from = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="retried_as",
        help_text="The failed task that this one repeats (CONTRACT X30).",
    )

    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "task_list"
        ordering = ("-id",)
        indexes = [
            models.Index(
                name="task_may_run_next",
                fields=["lane", "due_at", "id"],
                condition=Q(status=State.PENDING, due_at__isnull=False),
            ),
            models.Index(
                name="task_outstanding",
                fields=["type_name"],
                condition=Q(status=State.PENDING, published_at__isnull=False),
            ),
            models.Index(name="task_lease_over", fields=["lease_expires_at"], condition=Q(status=State.RUNNING)),
            models.Index(
                name="task_active_in_group",
                fields=["group", "id"],
                condition=Q(status__in=[State.PENDING, State.RUNNING]),
            ),
            models.Index(name="task_ended_in_group", fields=["group", "completed_at"]),
            models.Index(
                name="task_owners_turn", fields=["created_by", "published_at"], condition=Q(published_at__isnull=False)
            ),
            # Lists, newest first, of everybody and of one owner: flat however many rows do not match.
            models.Index(name="task_by_type", fields=["type_name", "id"]),
            models.Index(name="task_by_status", fields=["status", "id"]),
            models.Index(name="task_by_type_status", fields=["type_name", "status", "id"]),
            models.Index(name="task_of_owner", fields=["created_by", "id"]),
            models.Index(name="task_of_owner_status", fields=["created_by", "status", "id"]),
            models.Index(name="task_of_owner_type", fields=["created_by", "type_name", "status", "id"]),
            models.Index(name="task_by_age", fields=["created_at"]),
            models.Index(name="task_newest_ends", fields=["-completed_at"], condition=Q(completed_at__isnull=False)),
            models.Index(name="task_newest_failures", fields=["-completed_at"], condition=Q(status=State.FAILED)),
        ]
        constraints = [
            models.CheckConstraint(name="task_priority_range", condition=Q(priority__gte=1, priority__lte=1000)),
            models.CheckConstraint(name="task_status_known", condition=Q(status__in=State.values)),
            models.CheckConstraint(
                name="task_running_has_started", condition=~Q(status=State.RUNNING) | Q(started_at__isnull=False)
            ),
            models.UniqueConstraint(
                name="task_dedup", fields=["created_by", "dedup_key"], condition=Q(dedup_key__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type_name} {self.public_id}"

    @property
    def celery_id(self) -> str:
        """Id of its latest Celery message: fresh for every ring, since workers discard ids they saw revoked."""
        return celery_id(self.public_id, self.rings)

    @property
    def run_time(self) -> timedelta | None:
        """How long the last attempt took."""
        if self.started_at is None or self.completed_at is None:
            return None
        return self.completed_at - self.started_at


def celery_id(public_id: str, rings: int) -> str:
    """Return the Celery id of a task's ``rings``-th message."""
    return f"{public_id}.{rings}"
