"""Periodic work happens once per slot, however many schedulers run."""

from django.db import models


class ScheduledSlot(models.Model):
    """Whoever inserts (name, slot) first submits that period's task."""

    name = models.CharField(max_length=200)
    slot = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_run_per_slot", fields=["name", "slot"])]

    def __str__(self) -> str:
        return f"{self.name} {self.slot}"
