"""How each engine is: one row for all workers, so that one worker's refusal is every worker's pause."""

from __future__ import annotations

from django.db import models


class EngineState(models.Model):
    """What is known of one engine beyond its code; there is a row once there was anything to remember.

    Three things keep an engine from being asked, each with columns of its own: an operator holds it, the source asked
    to wait, or so many attempts failed in a row that it is left alone but for one probe at a time.
    """

    name = models.CharField(max_length=100, primary_key=True, help_text="The engine's own name, no alias.")

    held_at = models.DateTimeField(null=True, blank=True, help_text="Since when an operator holds it.")
    held_until = models.DateTimeField(null=True, blank=True, help_text="Until when; empty: until it is resumed.")
    held_reason = models.CharField(max_length=500, blank=True, default="")

    paused_until = models.DateTimeField(null=True, blank=True, help_text="The source asked not to be asked before.")
    pause_reason = models.CharField(max_length=500, blank=True, default="")

    consecutive_failures = models.PositiveIntegerField(default=0, help_text="Passing failures since the last answer.")
    opened_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is left alone.")
    openings = models.PositiveIntegerField(default=0, help_text="Failed probes, and the opening itself.")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="When the next probe may be made.")
    probe_until = models.DateTimeField(null=True, blank=True, help_text="Somebody probes; given up after this.")

    last_ok_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    last_error = models.CharField(max_length=500, blank=True, default="")
    last_error_at = models.DateTimeField(null=True, blank=True)

    quota_limit = models.PositiveBigIntegerField(null=True, blank=True, help_text="As the source's headers told last.")
    quota_remaining = models.PositiveBigIntegerField(null=True, blank=True)
    quota_reset_at = models.DateTimeField(null=True, blank=True)
    quota_at = models.DateTimeField(null=True, blank=True, help_text="When they told.")

    class Meta:
        verbose_name = "engine"
        constraints = [
            models.CheckConstraint(
                name="open_engine_has_a_next_probe",
                condition=models.Q(opened_at__isnull=True) | models.Q(retry_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name
