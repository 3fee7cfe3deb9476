"""What judges images: the three levels, thresholds, look-alikes, and the validation that waits for a crawl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jobs.models import Image, Level
from jobs.services import (
    near_duplicates,
    telling,
    thresholds,
    validate_later,
    validation,
)
from pixtasks.accounts.models import User
from pixtasks.common.errors import RuleViolation
from tasktypes.handlers import AnyTask, Context, EndedTask, Handler, Scope, register, register_group_hook

from .access import own_job


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
        own_job(user, params.job_id)
        wanted = {image_id for image_id in params.image_ids if 0 < image_id < 2**63}
        found = Image.objects.filter(job_id=params.job_id, pk__in=wanted).count()
        if found < len(set(params.image_ids)):
            raise RuleViolation(f"image_ids names images that are not of job {params.job_id}")

    def retried_by(self, params: ValidationParams) -> str:
        """Name the validation of the job."""
        return f"POST /api/v1/validation/job/{params.job_id}/"

    def run(self, params: ValidationParams, context: Context) -> dict[str, Any]:
        """Validate, and return how many were valid."""
        limits = validation.run_thresholds(params.run_id, params.job_id)
        return validation.validate_batch(self.level, params.image_ids, context, thresholds=limits)

    def scopes(self, tasks: Sequence[AnyTask]) -> dict[int, Scope]:
        """Name the projects of the batches."""
        return telling.scopes_of_jobs(tasks)

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


@register
class RejudgeImages(ValidateImages):
    """Judges a batch of images by other thresholds, from what was measured before."""

    name = thresholds.REJUDGE
    description = "Judge validated images again by other thresholds, without reading their files."

    def rate_key(self, params: ValidationParams) -> str:
        """Leave it unlimited: nothing is decoded."""
        return ""

    def run(self, params: ValidationParams, context: Context) -> dict[str, Any]:
        """Judge again, and return how many are valid then."""
        return thresholds.rejudge_batch(params.job_id, params.run_id, params.image_ids, context)


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
        own_job(user, params.job_id)

    def retried_by(self, params: NearDuplicatesParams) -> str:
        """Name the validation of the job."""
        return f"POST /api/v1/validation/job/{params.job_id}/"

    def run(self, params: NearDuplicatesParams, context: Context) -> dict[str, Any]:
        """Mark look-alikes, and return how many."""
        limits = validation.run_thresholds(params.run_id, params.job_id)
        return near_duplicates.mark_near_duplicates(params.job_id, context, limits)

    def scopes(self, tasks: Sequence[AnyTask]) -> dict[int, Scope]:
        """Name the projects."""
        return telling.scopes_of_jobs(tasks)


class ValidateLaterParams(BaseModel):
    """A job that is being crawled."""

    model_config = ConfigDict(extra="forbid")

    job_id: int = Field(ge=1)
    level: Level


@register
class ValidateWhenCrawled(Handler[ValidateLaterParams]):
    """Is held until the crawl of its job has ended."""

    name = validate_later.VALIDATE_LATER
    description = "Start the validation of a job whose crawl has ended."
    Params = ValidateLaterParams
    time_limit = 300

    def check_caller(self, params: ValidateLaterParams, user: User) -> None:
        """Ask for the caller's own job."""
        own_job(user, params.job_id)

    def run(self, params: ValidateLaterParams, context: Context) -> dict[str, Any]:
        """Start it, and return how many images there are."""
        return validate_later.validate_now(params.job_id, params.level, context)

    def scopes(self, tasks: Sequence[AnyTask]) -> dict[int, Scope]:
        """Name the projects."""
        return telling.scopes_of_jobs(tasks)


@register_group_hook
class ValidationRunEnds:
    """Hears when the last task of a validation run has ended."""

    name = validation.GROUP_KIND

    def on_settled(self, group_id: int) -> None:
        """Tell the webhooks."""
        telling.tell_validation(group_id)
