"""What several tasks belong to: a crawl job, a validation run, a gather run."""

from django.db import models


class TaskGroup(models.Model):
    """Counts how the tasks of one owner object ended, and carries its cancel mark.

    Active tasks are ``total - completed - failed - cancelled``: they are derived, so that a claim does not touch this
    row and a thousand workers of one job contend for it only when they settle.
    """

    kind = models.CharField(max_length=50, help_text="Which hooks hear that the group has settled.")
    total = models.PositiveIntegerField(default=0)
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    cancelled_at = models.DateTimeField(null=True, blank=True, help_text="When somebody asked the group to stop.")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When its last task closed.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                name="group_stopping",
                fields=["id"],
                condition=models.Q(cancelled_at__isnull=False, settled_at__isnull=True),
            )
        ]
        constraints = [
            models.CheckConstraint(
                name="group_counters_within_total",
                condition=models.Q(total__gte=models.F("completed") + models.F("failed") + models.F("cancelled")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def active(self) -> int:
        """Number of tasks that have not ended."""
        return self.total - self.completed - self.failed - self.cancelled
