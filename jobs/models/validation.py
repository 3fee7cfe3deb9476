"""What validation found."""

from django.conf import settings
from django.db import models


class Level(models.TextChoices):
    """How thoroughly images are looked at (CONTRACT J24)."""

    FAST = "fast", "Fast"
    MEDIUM = "medium", "Medium"
    SLOW = "slow", "Slow"


class ValidationRun(models.Model):
    """One request to validate a job's images at a level; its batches are tasks of the ledger."""

    job = models.ForeignKey("jobs.CrawlJob", on_delete=models.CASCADE, related_name="validation_runs")
    level = models.CharField(max_length=10, choices=Level.choices)
    group = models.OneToOneField("tasktypes.TaskGroup", on_delete=models.CASCADE, related_name="validation_run")
    images_count = models.PositiveIntegerField()
    thresholds = models.JSONField(null=True, help_text="What it judges by; empty for runs of before that was kept.")
    rejudges = models.BooleanField(
        default=False,
        db_default=False,
        help_text="It judges what was measured before by other thresholds, and looks at no file.",
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{'thresholds' if self.rejudges else self.level} of job {self.job_id}"


class Verdict(models.Model):
    """What one level says of one image; a later run of the level replaces it."""

    image = models.ForeignKey("jobs.Image", on_delete=models.CASCADE, related_name="verdicts", db_index=False)
    level = models.CharField(max_length=10, choices=Level.choices)
    is_valid = models.BooleanField()
    measurements = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="verdict_per_image_and_level", fields=["image", "level"])]

    def __str__(self) -> str:
        return f"{self.level}: {'valid' if self.is_valid else 'invalid'}"


class Issue(models.Model):
    """One thing that a verdict names; a row of its own, so that images can be found and counted by it."""

    verdict = models.ForeignKey(Verdict, on_delete=models.CASCADE, related_name="issues", db_index=False)
    image = models.ForeignKey("jobs.Image", on_delete=models.CASCADE, related_name="issues", db_index=False)
    kind = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint(name="issue_once_per_verdict", fields=["verdict", "kind"])]
        indexes = [models.Index(name="issue_of_image", fields=["image", "kind"])]

    def __str__(self) -> str:
        return self.kind
