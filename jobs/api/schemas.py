"""What dialect J answers; ``rendering`` builds it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from drf_spectacular.drainage import set_override
from pydantic import BaseModel, Field

from jobs.models import JobStatus, Level
from tasktypes.states import State


class Answer(BaseModel):
    """A body of a response."""


# A model may stand in an operation's answer and within a page of another one: it is the same component.
set_override(Answer, "suppress_collision_warning", True)


class LicensePolicy(Answer):
    """What the licences of a project's pictures must permit; what does not fit is kept in quarantine."""

    require_commercial_use: bool
    require_derivatives: bool
    allow_share_alike: bool
    allow_unknown_license: bool


class Project(Answer):
    """A dataset in the making."""

    id: int
    name: str
    slug: str
    description: str
    owner: str = Field(description="The address of whom it belongs to.")
    jobs: int = Field(description="How many jobs it has.")
    license_policy: LicensePolicy
    created_at: datetime
    updated_at: datetime


class Job(Answer):
    """A crawl job with its figures."""

    id: int
    project_id: int
    name: str
    keywords: list[str]
    engines: list[str]
    max_images: int = Field(description="New images to store per chunk.")
    options: dict[str, Any]
    status: JobStatus
    progress: int = Field(description="Percent.", ge=0, le=100)
    total_chunks: int
    active_chunks: int
    completed_chunks: int
    failed_chunks: int
    downloaded_images: int
    duplicate_images: int
    valid_images: int
    invalid_images: int
    quarantined_images: int = Field(description="Stored, but not fit for the project's licence policy.")
    outcomes: dict[str, int] = Field(description="How the fetches ended, by class.")
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    keyword_templates: list[str] = Field(description="What engines are asked for each keyword.")
    rebalance: bool = Field(description="Whether what dry chunks cannot bring is asked of productive ones.")


class JobStarted(Answer):
    """The job runs."""

    job_id: int
    status: Literal["running"] = "running"
    task_ids: list[str] = Field(description="One per keyword, template and engine.")
    total_chunks: int
    message: str


class JobCancelled(Answer):
    """The job is cancelled; what it stored stays."""

    job_id: int
    status: Literal["cancelled"] = "cancelled"
    revoked_tasks: int = Field(description="How many tasks had not yet ended.")
    message: str


class JobRetried(Answer):
    """What failed or was cancelled runs again."""

    job_id: int
    status: JobStatus
    retried_chunks: int
    message: str


class TemplateYield(Answer):
    """What one keyword template brought, over all keywords and engines."""

    template: str
    chunks: int
    asked: int = Field(description="New images that its chunks were asked for.")
    found: int = Field(description="Candidates whose fate is known.")
    stored: int
    duplicates: int
    failed: int
    valid: int = Field(description="Images that every level of validation that was run found valid.")


class TemplateYields(Answer):
    """What each keyword template of a job brought."""

    job_id: int
    items: list[TemplateYield] = Field(description="In the order of the job's templates.")


class JobProgress(Answer):
    """How far a job is; poll until the status is completed, failed or cancelled."""

    job_id: int
    status: JobStatus
    progress: int = Field(description="Percent.", ge=0, le=100)
    total_chunks: int
    active_chunks: int
    completed_chunks: int
    failed_chunks: int
    downloaded_images: int
    estimated_completion: datetime | None = Field(description="Null while nothing has ended in the last five minutes.")
    started_at: datetime | None
    updated_at: datetime


class Chunk(Answer):
    """One keyword in one template at one engine."""

    id: int
    keyword: str
    template: str
    query: str = Field(description="What the engine is asked: the keyword in its template.")
    engine: str = Field(description="As it was asked for.")
    backend: str = Field(description="The engine that really answers.")
    status: State
    task_id: str
    images: int
    duplicates: int
    target: int = Field(description="New images to store, as of now.")
    original_target: int = Field(description="The same when the job started; they differ where budget has moved.")
    outcomes: dict[str, int]
    retries: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class Failure(Answer):
    """A candidate that did not become a new image."""

    chunk_id: int
    keyword: str
    engine: str
    rank: int = Field(description="Place in the engine's answer, from 0.")
    url: str
    host: str | None = Field(description="Of the address; empty where it names none, null while not yet read from it.")
    outcome: str = Field(description="The class, such as http_404, timeout, not_an_image or duplicate.")
    detail: str
    attempts: int = Field(description="How often it was fetched.")
    next_eligible_at: datetime | None = Field(
        description="From when another attempt is worth it; null where the same request fails again."
    )
    created_at: datetime = Field(description="When it failed last.")


class ImageSummary(Answer):
    """A stored image, where it came from, under what licence, and what validation found."""

    id: int
    job_id: int
    chunk_id: int
    sha256: str
    format: str = Field(description="What its bytes are, whatever the server said.")
    width: int | None
    height: int | None
    bytes: int
    content_type: str = Field(description="What the server said.")
    source_url: str
    page_url: str
    title: str
    creator: str
    creator_url: str
    license: str
    license_version: str
    license_url: str
    attribution: str
    keyword: str
    query: str = Field(description="What the engine was asked.")
    external_id: str = Field(description="What its source calls it; empty where it says nothing.")
    tags: list[str] = Field(description="What its source says it shows.")
    engine: str
    backend: str
    rank: int
    fetched_at: datetime
    is_valid: bool | None = Field(description="False if any level that was run found it so; null while unchecked.")
    issues: list[str]
    quarantine: str = Field(description="Why its licence does not fit the project's policy; empty where it does.")
    decision: str = Field(description="What somebody decided of it: keep, reject or relabel; empty where nobody did.")
    label: str = Field(description="What it was relabelled to; empty where the keyword stands.")
    file_url: str
    thumbnail_url: str


class LicenseUse(Answer):
    """How many images are under one licence, and what that permits."""

    license: str = Field(description="The code; empty for images without a licence.")
    name: str
    images: int
    quarantined: int
    commercial_use: bool | None = Field(description="Null where nobody knows the licence; and so below.")
    derivatives: bool | None
    share_alike: bool | None = Field(description="Whether changed versions must come under the same licence.")
    attribution: bool | None = Field(description="Whether the creator must be named.")


class Licenses(Answer):
    """The licences of a job's or project's images, the most frequent first."""

    images: int
    quarantined: int
    licenses: list[LicenseUse] = Field(description="A hundred at most; the images under the others are counted above.")


class Release(Answer):
    """An image that somebody let out of quarantine."""

    image_id: int
    quarantine: str = Field(description="What it is in quarantine for now; empty where it is out.")
    released_from: str
    reason: str
    by: str
    created_at: datetime


class ImageVerdict(Answer):
    """What one level says of an image."""

    level: Level
    is_valid: bool
    issues: list[str]
    measurements: dict[str, Any]
    created_at: datetime


class Image(ImageSummary):
    """An image with the verdict of each level that was run."""

    verdicts: list[ImageVerdict]


class ValidationStarted(Answer):
    """The images are being validated."""

    job_id: int
    images_count: int
    validation_level: Level
    task_ids: list[str]
    message: str


class LevelCounts(Answer):
    """What one level found."""

    images: int
    valid: int
    invalid: int


class IssueCount(Answer):
    """How many images have an issue."""

    issue: str
    description: str
    images: int


class ValidationRunState(Answer):
    """One request to validate the job."""

    id: int
    level: Level
    status: JobStatus
    progress: int = Field(description="Percent.", ge=0, le=100)
    images_count: int
    total_tasks: int
    active_tasks: int
    completed_tasks: int
    failed_tasks: int
    created_at: datetime
    completed_at: datetime | None


class ValidationSummary(Answer):
    """What validation knows of a job."""

    job_id: int
    images: int
    valid: int
    invalid: int
    unchecked: int
    levels: dict[str, LevelCounts] = Field(description="By level; only levels that were run.")
    issues: list[IssueCount]
    runs: list[ValidationRunState] = Field(description="The latest ones, newest first.")


class ValidationResult(ImageVerdict):
    """One verdict, with the image it is about."""

    image_id: int


class NumberedPage(Answer):
    """A page by number."""

    total: int
    page: int
    page_size: int


class ProjectPage(NumberedPage):
    """A page of projects, newest first."""

    items: list[Project]


class JobPage(NumberedPage):
    """A page of jobs, newest first."""

    items: list[Job]


class CursorPage(Answer):
    """A page by cursor."""

    next: str | None = Field(description="Send it as cursor for the page after this one; null on the last page.")


class ChunkPage(CursorPage):
    """A page of chunks."""

    items: list[Chunk]


class FailurePage(CursorPage):
    """A page of failures, by chunk and rank."""

    items: list[Failure]


class ImagePage(CursorPage):
    """A page of images, in the order they were stored."""

    items: list[ImageSummary]


class ValidationResultPage(CursorPage):
    """A page of verdicts, by image and level."""

    items: list[ValidationResult]
