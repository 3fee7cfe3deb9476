"""What dialect G answers; ``rendering`` builds it. The keys are camelCase on the wire (CONTRACT X52)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from drf_spectacular.drainage import set_override
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from gather.api.requests import GatherStatus


class Answer(BaseModel):
    """A body of a response."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


# A model may stand in an operation's answer and within a list of another one: it is the same component.
set_override(Answer, "suppress_collision_warning", True)


class GatherPlan(Answer):
    """What was asked for, and how long that takes."""

    project_id: str = Field(description="As it was sent.")
    gather_count: int = Field(description="Iterations.")
    estimated_duration: int = Field(description="Seconds: 30 per iteration until there is a history, then its median.")


class GatherStarted(Answer):
    """The run is queued."""

    task_id: str
    status: Literal["pending"] = "pending"
    message: str
    data: GatherPlan


class GatherProgress(Answer):
    """Iterations done, of how many."""

    current: int
    total: int
    percentage: int = Field(ge=0, le=100, description="Whole percent, cut; 100 where a run ended early.")


class GatherUpdate(Answer):
    """One line of the run's history."""

    type: Literal["progress", "complete", "error", "cancelled"]
    timestamp: datetime
    data: dict[str, Any] = Field(
        description="`currentIteration`, `totalIterations`, `percentage` and `message`; other keys may stand beside."
    )


class GatherResultLine(Answer):
    """An iteration that left a record."""

    iteration_number: int
    gather_data_id: str = Field(description="Such as gather-001; the data routes resolve it.")


class GatherTaskStatus(Answer):
    """Where a run stands."""

    task_id: str
    status: GatherStatus
    progress: GatherProgress
    result: dict[str, Any] | None = Field(
        description=(
            "Null while unfinished. After SUCCESS `completedIterations`, `results` and `exhausted`; after FAILURE an "
            "object with the `error`; after REVOKED the partial results."
        )
    )
    updates: list[GatherUpdate] = Field(description="Oldest first; at most 200.")
    start_time: datetime = Field(description="When its first attempt began; before that, when it was asked for.")
    end_time: datetime | None = Field(default=None, description="Only once it has finished.")


class PartialResults(Answer):
    """What a run has left until now."""

    completed_iterations: int
    results: list[GatherResultLine]


class GatherCancelled(Answer):
    """The run is cancelled."""

    task_id: str
    status: Literal["cancelled"] = "cancelled"
    message: str
    partial_results: PartialResults


class GatherRunSummary(Answer):
    """A run in a list."""

    task_id: str
    project_id: str = Field(description="As it was sent.")
    project_slug: str = Field(description="The project that it stands for.")
    job_id: int = Field(description="The crawl job that holds its images.")
    status: GatherStatus
    gather_count: int
    completed_iterations: int = Field(description="Saved ones.")
    exhausted: bool
    schedule: str = Field(description="Name of the schedule that started it, or empty.")
    created_at: datetime
    start_time: datetime | None = Field(description="When its latest attempt began.")
    end_time: datetime | None


class CursorPage(Answer):
    """A page by cursor."""

    next: str | None = Field(description="Send it as cursor for the page after this one; null on the last page.")


class GatherRunPage(CursorPage):
    """A page of runs, newest first."""

    items: list[GatherRunSummary]


class GatherCounts(Answer):
    """What became of an iteration's candidates."""

    images: int = Field(description="New images stored.")
    duplicates: int = Field(description="Candidates that the project had already.")
    found: int = Field(description="Candidates that the sources named.")
    failed: int = Field(description="Candidates that could not be stored.")


class GatherSourceCounts(Answer):
    """What one keyword at one engine brought."""

    keyword: str
    engine: str = Field(description="As it was asked for.")
    backend: str = Field(description="The engine that really answered.")
    found: int
    images: int
    duplicates: int
    failed: int
    more: bool = Field(description="Whether it has a further page.")


class GatherSourceError(Answer):
    """A source that could not be asked."""

    keyword: str
    engine: str
    error: str


class GatherData(Answer):
    """What one iteration left."""

    gather_data_id: str
    iteration_number: int
    counts: GatherCounts
    sources: list[GatherSourceCounts] = Field(description="Per keyword and engine that answered.")
    errors: list[GatherSourceError]
    seconds: float = Field(description="How long the iteration took.")
    created_at: datetime


class GatherFailure(Answer):
    """An iteration that failed and left no record."""

    iteration_number: int
    error: str


class GatherDataList(Answer):
    """What a run has saved until now."""

    task_id: str
    project_id: str
    completed_iterations: int
    records: list[GatherData]
    failures: list[GatherFailure]


class GatherImage(Answer):
    """One image of an iteration: where it is, where it came from, and under which licence."""

    id: int
    url: str = Field(description="The file itself; it takes the same credentials, always.")
    thumbnail_url: str
    source_url: str
    page_url: str
    title: str
    license: str
    license_version: str
    license_url: str
    creator: str
    creator_url: str
    attribution: str
    keyword: str
    engine: str = Field(description="As it was asked for.")
    backend: str = Field(description="The engine that really answered.")
    format: str
    bytes: int
    width: int | None
    height: int | None
    sha256: str


class GatherDataImages(GatherData):
    """One iteration with a page of its images, in the order they were stored."""

    task_id: str
    images: list[GatherImage]
    next: str | None = Field(description="Send it as cursor for the page after this one; null on the last page.")
