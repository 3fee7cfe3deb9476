"""The handlers of image datasets: what workers do for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jobs.engines import EngineNotConfigured, UnknownEngine, resolve
from jobs.models import Image, Level
from jobs.services import chunks, files, near_duplicates, validation
from jobs.services.access import job_for
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.download import download_chunk
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, NotFound, RuleViolation
from tasktypes.handlers import Context, EndedTask, Handler, register
from tasktypes.services.schedules import schedule


def _own_job(user: User, job_id: int) -> None:
    """Let a caller launch work on jobs of their own only.

    Raises:
        RuleViolation: there is no such job.
        AccessDenied: it is somebody else's.
    """
    try:
        job_for(user, job_id)
    except NotFound as error:
        raise RuleViolation(f"There is no crawl job {job_id}") from error


class DownloadParams(BaseModel):
    """One chunk: a keyword at an engine, for a job."""

    model_config = ConfigDict(extra="forbid")

    keyword: str = Field(min_length=1, max_length=100)
    engine: str = Field(min_length=1, max_length=100)
    max_images: int = Field(ge=1, le=10_000, description="New images to store.")
    job_id: int = Field(ge=1)


@register
class DownloadImages(Handler[DownloadParams]):
    """Crawls one chunk."""

    name = DOWNLOAD
    description = "Find the images of a keyword at an engine, fetch and store them."
    Params = DownloadParams
    time_limit = 3600

    def rate_key(self, params: DownloadParams) -> str:
        """Return the bucket of the backend, where that is limited (CONTRACT J34, X68)."""
        try:
            engine = resolve(params.engine)
        except (UnknownEngine, EngineNotConfigured):
            return ""
        return f"engine:{engine.name}" if engine.rate_limited else ""

    def check_caller(self, params: DownloadParams, user: User) -> None:
        """Refuse: a chunk has one task, which its job makes; a second one would count its images twice."""
        _own_job(user, params.job_id)
        raise RuleViolation(
            f"The chunks of a job are started by POST /api/v1/jobs/{params.job_id}/start, "
            f"and run again by POST /api/v1/jobs/{params.job_id}/retry"
        )

    def retried_by(self, params: DownloadParams) -> str:
        """Name the job's retry."""
        return f"POST /api/v1/jobs/{params.job_id}/retry"

    def run(self, params: DownloadParams, context: Context) -> dict[str, Any]:
        """Crawl, and return the chunk's counts."""
        return download_chunk(params.job_id, params.keyword, params.engine, params.max_images, context)

    def on_settled(self, tasks: Sequence[EndedTask]) -> None:
        """Add the chunks' counts to their jobs."""
        chunks.count_in(tasks)

    def on_reopened(self, tasks: Sequence[EndedTask]) -> None:
        """Take the chunks' counts back: they are in their tasks' progress again."""
        chunks.count_out(tasks)


class ValidationParams(BaseModel):
    """One batch of a job's images."""

    model_config = ConfigDict(extra="forbid")

    job_id: int = Field(ge=1)
    run_id: int = Field(ge=1)
    image_ids: list[int] = Field(min_length=1, max_length=1000)


class ValidateImages(Handler[ValidationParams]):
    """Looks at a batch of images at one level and writes a verdict for each."""

    level: ClassVar[Level]
    Params = ValidationParams
    time_limit = 900

    def rate_key(self, params: ValidationParams) -> str:
        """Return the level's bucket (CONTRACT J29)."""
        return f"validation:{self.level.value}"

    def check_caller(self, params: ValidationParams, user: User) -> None:
        """Ask for the caller's own job, and for images of it."""
        _own_job(user, params.job_id)
        wanted = {image_id for image_id in params.image_ids if 0 < image_id < 2**63}
        found = Image.objects.filter(job_id=params.job_id, pk__in=wanted).count()
        if found < len(set(params.image_ids)):
            raise RuleViolation(f"image_ids names images that are not of job {params.job_id}")

    def retried_by(self, params: ValidationParams) -> str:
        """Name the validation of the job."""
        return f"POST /api/v1/validation/job/{params.job_id}/"

    def run(self, params: ValidationParams, context: Context) -> dict[str, Any]:
        """Validate, and return how many were valid."""
        return validation.validate_batch(self.level, params.image_ids, context)

    def on_settled(self, tasks: Sequence[EndedTask]) -> None:
        """Let the run's last step go once all its batches have ended."""
        for group_id in sorted({task.group_id for task in tasks if task.group_id is not None}):
            near_duplicates.release_last_step(group_id)


@register
class ValidateImagesFast(ValidateImages):
    """Header, format, size, dimensions."""

    name = "jobs.validate_images_fast"
    description = "Validate images by their headers: format, size, dimensions, extension."
    level = Level.FAST


@register
class ValidateImagesMedium(ValidateImages):
    """The same and a full decode."""

    name = "jobs.validate_images_medium"
    description = "Validate images by decoding them: truncation, corruption, bombs, blank, animated."
    level = Level.MEDIUM


@register
class ValidateImagesSlow(ValidateImages):
    """The same and what it looks like."""

    name = "jobs.validate_images_slow"
    description = "Validate images by their looks: blur, brightness, contrast, entropy, near-duplicates."
    level = Level.SLOW


class NearDuplicatesParams(BaseModel):
    """A job whose images have been hashed."""

    model_config = ConfigDict(extra="forbid")

    job_id: int = Field(ge=1)
    run_id: int = Field(ge=1)


@register
class FindNearDuplicates(Handler[NearDuplicatesParams]):
    """The last step of a slow run: it needs the hashes of all batches."""

    name = near_duplicates.FIND
    description = "Find images of a job that look alike."
    Params = NearDuplicatesParams
    time_limit = 1800

    def check_caller(self, params: NearDuplicatesParams, user: User) -> None:
        """Ask for the caller's own job."""
        _own_job(user, params.job_id)

    def retried_by(self, params: NearDuplicatesParams) -> str:
        """Name the validation of the job."""
        return f"POST /api/v1/validation/job/{params.job_id}/"

    def run(self, params: NearDuplicatesParams, context: Context) -> dict[str, Any]:
        """Mark look-alikes, and return how many."""
        return near_duplicates.mark_near_duplicates(params.job_id, context)


class NoParams(BaseModel):
    """Takes nothing."""

    model_config = ConfigDict(extra="forbid")


@schedule("sweep unused image files", minute="41")
@register
class SweepFiles(Handler[NoParams]):
    """Drops image files that no row points to and that are older than an hour."""

    name = "jobs.sweep_files"
    description = "Drop image files that no image row points to any more."
    Params = NoParams
    time_limit = 3600

    def check_caller(self, params: NoParams, user: User) -> None:
        """It goes over everybody's files: staff only."""
        if not user.is_staff:
            raise AccessDenied

    def run(self, params: NoParams, context: Context) -> dict[str, Any]:
        """Sweep, and return how many files were looked at and dropped."""
        return files.sweep_files(context)
