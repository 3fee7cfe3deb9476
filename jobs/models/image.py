"""Stored images, and the candidates that did not become one."""

from django.db import models
from django.db.models import Q

from jobs.models.decision import DecisionKind


class Image(models.Model):
    """One stored picture of a job, with where it came from and under what licence.

    The file is content-addressed and may be shared with other jobs; the row says what this job knows of it.
    """

    job = models.ForeignKey("jobs.CrawlJob", on_delete=models.CASCADE, related_name="image_rows", db_index=False)
    chunk = models.ForeignKey("jobs.Chunk", on_delete=models.CASCADE, related_name="image_rows")
    sha256 = models.CharField(max_length=64, db_index=True)
    key = models.CharField(max_length=200, help_text="Name of the file in the storage.")
    format = models.CharField(max_length=10, help_text="What its bytes are, whatever the server said.")
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    bytes = models.PositiveIntegerField()
    content_type = models.CharField(max_length=200, blank=True, help_text="What the server said.")
    source_url = models.TextField()
    page_url = models.TextField(blank=True)
    title = models.TextField(blank=True)
    creator = models.TextField(blank=True)
    creator_url = models.TextField(blank=True)
    license = models.CharField(max_length=100, blank=True)
    license_version = models.CharField(max_length=20, blank=True)
    license_url = models.TextField(blank=True)
    attribution = models.TextField(blank=True)
    keyword = models.CharField(max_length=100)
    query = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="What the engine was asked, where that is not the keyword alone.",
    )
    external_id = models.TextField(blank=True, default="", db_default="", help_text="What its source calls it.")
    tags = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), help_text="What its source says it shows."
    )
    engine = models.CharField(max_length=100)
    backend = models.CharField(max_length=100)
    rank = models.PositiveIntegerField(help_text="Place in the engine's answer, from 0.")
    fetched_at = models.DateTimeField()
    is_valid = models.BooleanField(null=True, help_text="False if any level that was run found it so (CONTRACT X68).")
    phash = models.BigIntegerField(null=True, help_text="64-bit perceptual hash, as a signed number.")
    decision = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        choices=DecisionKind.choices,
        help_text="The latest decision about it that was not undone.",
    )
    label = models.CharField(
        max_length=100, blank=True, default="", db_default="", help_text="What it was relabelled to, if it was."
    )
    quarantine = models.CharField(
        max_length=30,
        blank=True,
        default="",
        db_default="",
        help_text="Why its licence does not fit the project's policy; empty where it does, or was released.",
    )

    class Meta:
        ordering = ("id",)
        indexes = [
            models.Index(name="image_page", fields=["job", "id"]),
            models.Index(name="image_by_verdict", fields=["job", "is_valid", "id"]),
            models.Index(name="image_by_decision", fields=["job", "decision", "id"], condition=~Q(decision="")),
            models.Index(name="image_by_license", fields=["job", "license", "quarantine"]),
            models.Index(name="image_in_quarantine", fields=["job", "quarantine", "id"], condition=~Q(quarantine="")),
            models.Index(name="image_hashed", fields=["job", "id"], condition=Q(phash__isnull=False)),
        ]
        constraints = [models.UniqueConstraint(name="image_once_per_job", fields=["job", "sha256"])]

    def __str__(self) -> str:
        return f"{self.keyword} {self.sha256[:12]}"


class FetchFailure(models.Model):
    """A candidate that did not become a new image: which, and why."""

    chunk = models.ForeignKey("jobs.Chunk", on_delete=models.CASCADE, related_name="failures", db_index=False)
    rank = models.PositiveIntegerField()
    url = models.TextField()
    outcome = models.CharField(max_length=40)
    detail = models.TextField(blank=True)
    facts = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="What the source said of it: page, title, creator, licence; for when it is tried again.",
    )
    attempts = models.PositiveIntegerField(default=1, db_default=1, help_text="How often it was fetched.")
    host = models.CharField(
        max_length=255,
        null=True,
        help_text="Of the address; empty where it names none, null until the sweep has read it from an older row.",
    )
    next_eligible_at = models.DateTimeField(
        null=True, help_text="When another attempt is worth it; null where the same request fails again."
    )
    created_at = models.DateTimeField(help_text="When it failed last.")

    class Meta:
        ordering = ("id",)
        indexes = [
            models.Index(name="failure_by_outcome", fields=["outcome", "id"]),
            # A job's failures are found chunk by chunk: by class, by host, by time.
            models.Index(name="failure_of_class", fields=["chunk", "outcome", "next_eligible_at"]),
            models.Index(name="failure_of_host", fields=["chunk", "host", "outcome"]),
            models.Index(name="failure_of_time", fields=["chunk", "created_at"]),
            models.Index(name="failure_without_host", fields=["id"], condition=Q(host__isnull=True)),
        ]
        constraints = [models.UniqueConstraint(name="failure_once_per_rank", fields=["chunk", "rank"])]

    def __str__(self) -> str:
        return f"{self.outcome} {self.url}"
