"""What crawls: chunks, and failures that are tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobs.engines import EngineNotConfigured, UnknownEngine, resolve
from jobs.models import FetchFailure
from jobs.models.job import PLAIN_TEMPLATE
from jobs.services import (
    chunks,
    crawl_jobs,
    rebalance,
    refetch,
    telling,
    validate_later,
)
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.download import download_chunk
from jobs.services.engine_health import engine_source
from pixtasks.accounts.models import User
from pixtasks.common.errors import RuleViolation
from tasktypes.handlers import AnyTask, Context, EndedTask, Handler, Scope, register, register_group_hook

from .access import own_job


class DownloadParams(BaseModel):
    """One chunk: a keyword in a template at an engine, for a job."""

    model_config = ConfigDict(extra="forbid")

    keyword: str = Field(min_length=1, max_length=100)
    engine: str = Field(min_length=1, max_length=100)
    max_images: int = Field(ge=1, le=10_000, description="New images to store.")
    job_id: int = Field(ge=1)
    template: str = Field(
        default=PLAIN_TEMPLATE, min_length=1, max_length=100, description="What the engine is asked for the keyword."
    )
    offline: bool = Field(default=False, description="A cassette answers; no source is asked, and no rate counts.")


@register
class DownloadImages(Handler[DownloadParams]):
    """Crawls one chunk."""

    name = DOWNLOAD
    description = "Find the images of a keyword at an engine, fetch and store them."
    Params = DownloadParams
    time_limit = 3600
    retried_alone = True

    def rate_key(self, params: DownloadParams) -> str:
        """Return the bucket of the backend, where that is limited (CONTRACT J34, X68)."""
        try:
            engine = resolve(params.engine)
        except (UnknownEngine, EngineNotConfigured):
            return ""
        return f"engine:{engine.name}" if engine.rate_limited and not params.offline else ""

    def source(self, parameters: Mapping[str, Any]) -> str:
        """Name the engine; none where a cassette answers."""
        if parameters.get("offline"):
            return ""
        return engine_source(str(parameters.get("engine", "")))

    def check_caller(self, params: DownloadParams, user: User) -> None:
        """Refuse: a chunk has one task, which its job makes; a second one would count its images twice."""
        own_job(user, params.job_id)
        raise RuleViolation(
            f"The chunks of a job are started by POST /api/v1/jobs/{params.job_id}/start, "
            f"and run again by POST /api/v1/jobs/{params.job_id}/retry"
        )

    def retried_by(self, params: DownloadParams) -> str:
        """Name the job's retry."""
        return f"POST /api/v1/jobs/{params.job_id}/retry"

    def run(self, params: DownloadParams, context: Context) -> dict[str, Any]:
        """Crawl, and return the chunk's counts."""
        return download_chunk(
            params.job_id, params.keyword, params.engine, params.max_images, context, template=params.template
        )

    def scopes(self, tasks: Sequence[AnyTask]) -> dict[int, Scope]:
        """Name the chunks' projects."""
        return telling.scopes_of_jobs(tasks)

    def on_settled(self, tasks: Sequence[EndedTask]) -> None:
        """Add the chunks' counts to their jobs, and ask others for what they could not bring."""
        chunks.count_in(tasks)
        rebalance.after_end(tasks)

    def on_reopened(self, tasks: Sequence[EndedTask]) -> None:
        """Take the chunks' counts back: they are in their tasks' progress again."""
        chunks.count_out(tasks)
        rebalance.after_reopening(tasks)


class RefetchParams(BaseModel):
    """A batch of failed candidates of one class."""

    model_config = ConfigDict(extra="forbid")

    job_id: int = Field(ge=1)
    outcome: str = Field(min_length=1, max_length=40, description="The class of failure.")
    failure_ids: list[int] = Field(min_length=1, max_length=refetch.BATCH)


@register
class RefetchFailures(Handler[RefetchParams]):
    """Tries failed candidates of an ended job again."""

    name = refetch.REFETCH
    description = "Fetch failed candidates of an ended job again, one class of failure at a time."
    Params = RefetchParams
    time_limit = 3600

    def check_caller(self, params: RefetchParams, user: User) -> None:
        """Ask for the caller's own job, and for failures of it."""
        own_job(user, params.job_id)
        wanted = {failure_id for failure_id in params.failure_ids if 0 < failure_id < 2**63}
        found = FetchFailure.objects.filter(chunk__job=params.job_id, pk__in=wanted).count()
        if found < len(set(params.failure_ids)):
            raise RuleViolation(f"failure_ids names failures that are not of job {params.job_id}")

    def run(self, params: RefetchParams, context: Context) -> dict[str, Any]:
        """Fetch, and return what became of them."""
        return refetch.refetch(params.job_id, params.outcome, params.failure_ids, context)

    def scopes(self, tasks: Sequence[AnyTask]) -> dict[int, Scope]:
        """Name the projects of the batches."""
        return telling.scopes_of_jobs(tasks)


@register_group_hook
class CrawlJobEnds:
    """Hears when the last chunk of a job has ended."""

    name = crawl_jobs.GROUP_KIND

    def on_settled(self, group_id: int) -> None:
        """Tell the webhooks, and let a validation go that waited for it."""
        telling.tell_job(group_id)
        validate_later.release_validation(group_id)
