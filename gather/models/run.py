"""Gather runs, what their iterations left, and where each source stands."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class GatherRun(models.Model):
    """One run: N iterations over the (keyword, engine) pairs of a project, done by one task of the ledger.

    What it stores are the images of a crawl job of its own, so that everything that works on jobs (lists, validation,
    cancel, retry) works on it. It has no status: its task has.
    """

    project = models.ForeignKey("jobs.Project", on_delete=models.CASCADE, related_name="gather_runs")
    task = models.OneToOneField("tasktypes.Task", on_delete=models.CASCADE, related_name="gather_run")
    job = models.OneToOneField("jobs.CrawlJob", on_delete=models.CASCADE, related_name="gather_run")
    gather_count = models.PositiveSmallIntegerField(help_text="Iterations asked for, 1 to 100.")
    save_interval = models.PositiveSmallIntegerField(help_text="Iterations between two saves, 1 to 50.")
    error_recovery = models.BooleanField(help_text="Whether a failing iteration is skipped; else it ends the run.")
    completed_iterations = models.PositiveSmallIntegerField(default=0, help_text="Finished and saved.")
    failures = models.JSONField(default=list, help_text="Iterations that failed: iteration, error.")
    exhausted = models.BooleanField(default=False, help_text="It ended early: no source had anything more.")
    schedule = models.CharField(max_length=200, blank=True, default="", help_text="Name of the schedule it came from.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(name="gather_count_range", condition=Q(gather_count__gte=1, gather_count__lte=100)),
            models.CheckConstraint(
                name="gather_save_interval_range", condition=Q(save_interval__gte=1, save_interval__lte=50)
            ),
        ]

    def __str__(self) -> str:
        return f"gather run {self.pk}"


class GatherRecord(models.Model):
    """What one iteration left; its images are those of the run's job between two ids, as one task inserts them."""

    run = models.ForeignKey(GatherRun, on_delete=models.CASCADE, related_name="records", db_index=False)
    iteration = models.PositiveSmallIntegerField(help_text="From 1.")
    images = models.PositiveIntegerField(default=0, help_text="New images stored.")
    duplicates = models.PositiveIntegerField(default=0, help_text="Candidates the project had already.")
    found = models.PositiveIntegerField(default=0, help_text="Candidates that the sources named.")
    failed = models.PositiveIntegerField(default=0, help_text="Candidates that could not be stored.")
    sources = models.JSONField(default=list, help_text="Per keyword and engine: counts, and whether it had more.")
    errors = models.JSONField(default=list, help_text="Sources that could not be asked: keyword, engine, error.")
    first_image_id = models.PositiveBigIntegerField(null=True)
    last_image_id = models.PositiveBigIntegerField(null=True)
    seconds = models.FloatField(help_text="How long the iteration took.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("run", "iteration")
        constraints = [models.UniqueConstraint(name="gather_record_per_iteration", fields=["run", "iteration"])]

    def __str__(self) -> str:
        return self.data_id

    @property
    def data_id(self) -> str:
        """The id that users see (CONTRACT G24)."""
        return f"gather-{self.iteration:03d}"


class GatherSource(models.Model):
    """Where a project's next run goes on at one source: the cursor of its next page."""

    project = models.ForeignKey("jobs.Project", on_delete=models.CASCADE, related_name="gather_sources", db_index=False)
    keyword = models.CharField(max_length=100)
    engine = models.CharField(max_length=100)
    cursor = models.TextField(null=True, help_text="Empty: the next run begins at the first page.")
    fingerprint = models.CharField(
        max_length=64,
        default="",
        db_default="",
        help_text="Of backend and options; under others the cursor means nothing.",
    )
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="gather_source_per_pair", fields=["project", "keyword", "engine"])]

    def __str__(self) -> str:
        return f"{self.keyword} × {self.engine}"
