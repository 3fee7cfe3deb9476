"""The workers that are alive, by their own word."""

from django.db import models


class Worker(models.Model):
    """A Celery worker's main process; dispatch() counts the slots of those that were heard lately."""

    name = models.CharField(max_length=200, primary_key=True)
    pid = models.PositiveIntegerField()
    slots = models.PositiveIntegerField(help_text="How many messages it works on at once.")
    queues = models.JSONField(default=list)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(db_index=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    memory = models.BigIntegerField(
        null=True, blank=True, help_text="Bytes that it and its pool hold; empty where the system does not tell."
    )

    def __str__(self) -> str:
        return self.name
