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


class Project(Answer):
    """A dataset in the making."""

    id: int
    name: str
    slug: str
    description: str
    owner: str = Field(description="The address of whom it belongs to.")
    jobs: int = Field(description="How many jobs it has.")
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
    outcomes: dict[str, int] = Field(description="How the fetches ended, by class.")
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class JobStarted(Answer):
    """The job runs."""

    job_id: int
    status: Literal["running"] = "running"
    task_ids: list[str] = Field(description="One per keyword and engine.")
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
    """One keyword at one engine."""

    id: int
    keyword: str
    engine: str = Field(description="As it was asked for.")
    backend: str = Field(description="The engine that really answers.")
    status: State
    task_id: str
    images: int
    duplicates: int
    target: int
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
    outcome: str = Field(description="The class, such as http_404, timeout, not_an_image or duplicate.")
    detail: str
    created_at: datetime


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
    engine: str
    backend: str
    rank: int
    fetched_at: datetime
    is_valid: bool | None = Field(description="False if any level that was run found it so; null while unchecked.")
    issues: list[str]
    file_url: str
    thumbnail_url: str


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
