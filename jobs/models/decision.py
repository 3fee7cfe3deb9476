"""What people decided about images."""

from django.conf import settings
from django.db import models


class DecisionKind(models.TextChoices):
    """What somebody said of an image."""

    KEEP = "keep", "Keep"
    REJECT = "reject", "Reject"
    RELABEL = "relabel", "Relabel"


class Decision(models.Model):
    """One decision about one image; only ever inserted, and at most marked as undone.

    The latest that is not undone counts, and ``Image.decision`` and ``Image.label`` repeat it. Decisions that were made
    with one stroke share their ``batch`` and are undone together.
    """

    image = models.ForeignKey("jobs.Image", on_delete=models.CASCADE, related_name="decisions", db_index=False)
    job = models.ForeignKey("jobs.CrawlJob", on_delete=models.CASCADE, related_name="decisions", db_index=False)
    kind = models.CharField(max_length=10, choices=DecisionKind.choices)
    label = models.CharField(max_length=100, blank=True, help_text="What the image shows instead of its keyword.")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="decisions",
        db_index=False,
    )
    batch = models.UUIDField(db_index=True)
    created_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(name="decision_of_image", fields=["image", "id"]),
            models.Index(name="decision_of_job", fields=["job", "id"]),
            models.Index(name="decision_by", fields=["by", "id"]),
            models.Index(name="decision_undone_by", fields=["undone_by"], condition=models.Q(undone_by__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.label}".rstrip()
