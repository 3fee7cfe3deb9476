"""Periodic work happens once per slot, however many schedulers run."""

from django.db import models


class ScheduledSlot(models.Model):
    """Whoever inserts (name, slot) first submits that period's task."""

    name = models.CharField(max_length=200)
    slot = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    # No foreign key: what deletes tasks by the thousand would have to look here each time.
    task_number = models.BigIntegerField(
        null=True, blank=True, help_text="The task that was made; it may have been deleted since."
    )
    reason = models.TextField(blank=True, default="", db_default="", help_text="Why none was made.")

    class Meta:
        constraints = [models.UniqueConstraint(name="one_run_per_slot", fields=["name", "slot"])]

    def __str__(self) -> str:
        return f"{self.name} {self.slot}"
