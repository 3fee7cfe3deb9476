"""Trying failed candidates again."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class RefetchRun(models.Model):
    """One request to try failed candidates of a job again; its batches, of one class each, are tasks of the ledger.

    The job itself stays as it ended: no chunk of it runs again.
    """

    job = models.ForeignKey("jobs.CrawlJob", on_delete=models.CASCADE, related_name="refetch_runs")
    outcome = models.CharField(
        max_length=40, blank=True, help_text="The class of failure that is tried again; empty where it is several."
    )
    outcomes = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="The classes that are tried again; empty for runs of before there could be several.",
    )
    filters = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="What else was asked for: host, failed_from, failed_until, eligible_only.",
    )
    group = models.OneToOneField("tasktypes.TaskGroup", on_delete=models.CASCADE, related_name="refetch_run")
    failures_count = models.PositiveIntegerField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "retry of failures"
        verbose_name_plural = "retries of failures"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.what} of job {self.job_id}"

    @property
    def classes(self) -> list[str]:
        """The classes that are tried again."""
        return list(self.outcomes) or [self.outcome]

    @property
    def what(self) -> str:
        """What is tried again, in words: "dns, timeout at example.com"."""
        host = self.filters.get("host")
        return ", ".join(self.classes) + (f" at {host}" if host else "")
