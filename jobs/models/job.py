"""Crawl jobs and their chunks. Neither has a status of its own: the ledger knows."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Case, Q, Value, When

from tasktypes.models import TaskGroup


class JobStatus(models.TextChoices):
    """What a job reads as (CONTRACT J38, X02)."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


PLAIN_TEMPLATE: Final = "{keyword}"
"""The keyword template that asks for the keyword and nothing else."""


def plain_templates() -> list[str]:
    """Return the templates of a job that names none."""
    return [PLAIN_TEMPLATE]


def fill_template(template: str, keyword: str) -> str:
    """Return what an engine is asked."""
    return template.replace(PLAIN_TEMPLATE, keyword)


class CrawlJobQuerySet(models.QuerySet["CrawlJob"]):
    """Jobs with what the ledger knows of them."""

    def with_group(self) -> CrawlJobQuerySet:
        """Fetch the project and the group along, which ``status`` needs."""
        return self.select_related("project", "group")

    def of_status(self, status: str) -> CrawlJobQuerySet:
        """Return the jobs that read as ``status``: the same rules as ``CrawlJob.status``, in SQL."""
        reads_as = Case(
            When(group__isnull=True, then=Value(JobStatus.PENDING)),
            When(group__cancelled_at__isnull=False, then=Value(JobStatus.CANCELLED)),
            When(group__settled_at__isnull=True, then=Value(JobStatus.RUNNING)),
            When(group__completed__gt=0, then=Value(JobStatus.COMPLETED)),
            When(group__failed__gt=0, then=Value(JobStatus.FAILED)),
            default=Value(JobStatus.CANCELLED),
            output_field=models.CharField(),
        )
        return self.annotate(reads_as=reads_as).filter(reads_as=status)


class CrawlJob(models.Model):
    """Keywords × templates × engines to crawl; each combination is a chunk.

    The image counters hold what settled chunks and validation batches brought; the numbers of running chunks are in
    their tasks' progress. :mod:`jobs.services.progress` adds the two.
    """

    project = models.ForeignKey("jobs.Project", on_delete=models.CASCADE, related_name="jobs")
    name = models.CharField(max_length=200)
    keywords = models.JSONField(help_text="1 to 50 keywords.")
    keyword_templates = models.JSONField(
        default=plain_templates,
        db_default=Value([PLAIN_TEMPLATE], models.JSONField()),
        help_text='1 to 10 texts that hold "{keyword}": what the engines are asked.',
    )
    engines = models.JSONField(help_text="Names of engines, as the user asked for them.")
    max_images = models.PositiveIntegerField(help_text="New images to store per chunk.")
    options = models.JSONField(default=dict, blank=True, help_text="Per engine name, validated by that engine.")
    rebalance = models.BooleanField(
        default=False, db_default=False, help_text="What a dry chunk cannot bring is asked of productive ones."
    )
    cassette = models.JSONField(
        null=True, blank=True, editable=False, help_text="Where it records to or replays from; commands alone set it."
    )
    group = models.OneToOneField(
        TaskGroup, null=True, blank=True, on_delete=models.SET_NULL, related_name="crawl_job", editable=False
    )
    images = models.PositiveIntegerField(default=0, editable=False)
    duplicates = models.PositiveIntegerField(default=0, editable=False)
    outcomes = models.JSONField(default=dict, editable=False, help_text="Fetch outcomes by class.")
    valid_images = models.PositiveIntegerField(default=0, editable=False)
    invalid_images = models.PositiveIntegerField(default=0, editable=False)
    quarantined_images = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Stored, but not fit for the project's licence policy."
    )
    validation_tasks = models.PositiveIntegerField(
        default=0, editable=False, help_text="Index of the next validation task (CONTRACT X16)."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CrawlJobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(name="job_max_images_range", condition=Q(max_images__gte=1, max_images__lte=10000))
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> JobStatus:
        """What the job reads as, derived from its group."""
        group = self.group
        if group is None:
            return JobStatus.PENDING
        if group.cancelled_at is not None:
            return JobStatus.CANCELLED
        if group.settled_at is None:
            return JobStatus.RUNNING
        if group.completed:
            return JobStatus.COMPLETED
        return JobStatus.FAILED if group.failed else JobStatus.CANCELLED

    @property
    def total_chunks(self) -> int:
        """Keywords × templates × engines (CONTRACT J36: there is one template where none was named)."""
        return len(self.keywords) * len(self.keyword_templates) * len(self.engines)

    @property
    def is_templated(self) -> bool:
        """Whether engines are asked for anything but the plain keywords."""
        return self.keyword_templates != plain_templates()


class Chunk(models.Model):
    """One keyword in one template at one engine: a task of the ledger does it."""

    job = models.ForeignKey(CrawlJob, on_delete=models.CASCADE, related_name="chunks")
    keyword = models.CharField(max_length=100)
    template = models.CharField(max_length=100, default=PLAIN_TEMPLATE, db_default=PLAIN_TEMPLATE)
    engine = models.CharField(max_length=100, help_text="As the user asked for it.")
    backend = models.CharField(max_length=100, help_text="The engine that really answered (CONTRACT X61).")
    task = models.ForeignKey(
        "tasktypes.Task",
        on_delete=models.CASCADE,
        related_name="chunks",
        help_text="Of its own in a crawl; all chunks of a gather run share the run's.",
    )
    target = models.PositiveIntegerField(
        null=True, editable=False, help_text="New images to store now; empty where the job's number never moves."
    )

    class Meta:
        indexes = [models.Index(name="chunk_by_engine", fields=["engine", "id"])]
        constraints = [
            models.UniqueConstraint(
                name="chunk_per_keyword_template_and_engine", fields=["job", "keyword", "template", "engine"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.query} × {self.engine}"

    @property
    def query(self) -> str:
        """What the engine is asked."""
        return fill_template(self.template, self.keyword)

    @property
    def wanted(self) -> int:
        """New images that it is to store, as of now; fetched with its job."""
        return self.job.max_images if self.target is None else self.target
