"""The dispatchers and schedulers that are alive, by their own word."""

from django.db import models


class Role(models.TextChoices):
    """What a process of the product does that no Celery worker does."""

    DISPATCHER = "dispatcher", "Dispatcher"
    SCHEDULER = "scheduler", "Scheduler"


class Process(models.Model):
    """A dispatcher or a scheduler of one host. Workers have rows of their own, because their slots are counted."""

    name = models.CharField(max_length=200, primary_key=True, help_text="Its role and its host: role@host.")
    role = models.CharField(max_length=20, choices=Role.choices)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return self.name
