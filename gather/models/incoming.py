"""Events that came in through the progress webhook."""

from django.db import models


class ReceivedEvent(models.Model):
    """One accepted body; its hash keeps the same bytes from being accepted twice (CONTRACT X46)."""

    body_sha256 = models.CharField(max_length=64, unique=True)
    task_public_id = models.CharField(max_length=64)
    event = models.CharField(max_length=20)
    data = models.JSONField(default=dict)
    sent_at = models.DateTimeField(help_text="As the sender says.")
    received_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.event} {self.task_public_id}"
