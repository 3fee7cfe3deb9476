"""What dialect J is asked: bodies, which refuse unknown fields, and queries."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from jobs.models import JobStatus, Level
from jobs.models.job import plain_templates
from jobs.validators import Issue as IssueKind
from tasktypes.states import State

ITEM = TypeVar("ITEM")
Quarantine = Literal["none", "any", "all", "unknown_license", "no_commercial_use", "no_derivatives", "share_alike"]
Format = Literal["jpeg", "png", "gif", "webp", "bmp", "tiff", "avif"]


def _one_line(value: Any) -> Any:
    """Drop blanks around a text and double ones in it; the length that is left is what counts."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _utc(moment: datetime) -> datetime:
    """Return a time in UTC; one that names no zone is taken as UTC."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is outside the calendar") from None


def _unique(key: Callable[[ITEM], Hashable]) -> AfterValidator:
    def drop_repeated(items: list[ITEM]) -> list[ITEM]:
        first: dict[Hashable, ITEM] = {}
        for item in items:
            first.setdefault(key(item), item)
        return list(first.values())

    return AfterValidator(drop_repeated)


# The outer validator runs first: lengths are those of the cleaned text.
Name = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_one_line)]
Slug = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$",
        description="Small letters, digits, '-' and '_'; made from the name where not given. Unique.",
    ),
]
Description = Annotated[str, Field(max_length=10_000)]
Keyword = Annotated[str, Field(min_length=2, max_length=100), BeforeValidator(_one_line)]
Keywords = Annotated[
    list[Keyword],
    Field(min_length=1, max_length=50, description="Duplicates are dropped, without regard to case."),
    _unique(str.casefold),
]
EngineName = Annotated[str, Field(min_length=1, max_length=100)]
Engines = Annotated[
    list[EngineName],
    Field(min_length=1, max_length=50, description="Names or aliases of engines; duplicates are dropped."),
    _unique(str),
]
MaxImages = Annotated[int, Field(strict=True, ge=1, le=10_000, description="New images to store per chunk.")]
Answer = Annotated[bool, Field(strict=True)]
Options = Annotated[
    dict[str, dict[str, Any]],
    Field(description="By engine name: what that engine takes. Each part is validated by the engine's own model."),
]


Outcomes = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=40)]],
    Field(max_length=100, description="Classes, such as dns, timeout or http_429."),
    _unique(str),
]
Host = Annotated[str, Field(max_length=255, description="Of the address, such as images.example.com.")]
FailedFrom = Annotated[
    datetime,
    Field(description="Failed last at or after this time (ISO 8601, UTC unless it says)."),
    AfterValidator(_utc),
]
FailedUntil = Annotated[datetime, Field(description="Failed last before this time."), AfterValidator(_utc)]
EligibleOnly = Annotated[
    bool, Field(description="Only what may be tried again by now: its Retry-After, or our back-off, is over.")
]


Templates = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_one_line)]],
    Field(
        min_length=1,
        max_length=10,
        description=(
            'What engines are asked: each holds "{keyword}", such as "close-up of {keyword}". Every keyword is asked '
            "for in every template, so the chunks are keywords × templates × engines, 2500 at most."
        ),
    ),
    _unique(str.casefold),
]


Rebalance = Annotated[
    bool,
    Field(
        strict=True,
        description=(
            "What a chunk cannot bring, because its engine has no more or it failed, is asked of chunks that still "
            "bring images, of the same keyword first. The job as a whole never stores more than it was asked for."
        ),
    ),
]


class Body(BaseModel):
    """A body: what it may not set, such as owner, status or counters, it may not name."""

    model_config = ConfigDict(extra="forbid")


class LicensePolicyBody(Body):
    """What the licences of a project's pictures must permit."""

    require_commercial_use: Answer = Field(default=False, description="They must permit commercial use.")
    require_derivatives: Answer = Field(default=False, description="They must permit to share changed versions.")
    allow_share_alike: Answer = Field(
        default=True, description="They may ask that changed versions come under the same licence."
    )
    allow_unknown_license: Answer = Field(default=True, description="There may be none, or one that is not known.")


class ReleaseRequest(Body):
    """Why an image is let out of quarantine."""

    reason: Annotated[str, Field(min_length=1, max_length=500), BeforeValidator(_one_line)]


class ProjectCreateRequest(Body):
    """A new project."""

    name: Name
    slug: Slug | None = None
    description: Description = ""
    license_policy: LicensePolicyBody = Field(default_factory=LicensePolicyBody)


class ProjectUpdateRequest(Body):
    """What is to change; fields that are not sent stay as they are."""

    # The defaults are never read: only fields that were sent count.
    name: Name = Field(default_factory=str)
    description: Description = Field(default_factory=str)
    license_policy: LicensePolicyBody = Field(
        default_factory=LicensePolicyBody, description="What is not named in it stays as it is, too."
    )


class ProjectJobCreateRequest(Body):
    """A new job of the project in the path."""

    name: Name
    keywords: Keywords
    engines: Engines
    max_images: MaxImages = 100
    options: Options = Field(default_factory=dict)
    keyword_templates: Templates = Field(default_factory=plain_templates)
    rebalance: Rebalance = False


class JobCreateRequest(ProjectJobCreateRequest):
    """A new job: keywords × templates × engines are its chunks."""

    project_id: Annotated[int, Field(strict=True, ge=1)]


class JobUpdateRequest(Body):
    """What is to change: the name at any time, the rest while the job is pending."""

    name: Name = Field(default_factory=str)
    keywords: Keywords = Field(default_factory=list)
    engines: Engines = Field(default_factory=list)
    max_images: MaxImages = Field(default_factory=int)
    options: Options = Field(default_factory=dict)
    keyword_templates: Templates = Field(default_factory=plain_templates)
    rebalance: Rebalance = False


class ValidationStartRequest(Body):
    """How thoroughly to look."""

    level: Level = Level.MEDIUM


class PageQuery(BaseModel):
    """Which page."""

    page: int = Field(default=1, ge=1, le=1_000_000, description="Counts from 1.")
    page_size: int = Field(default=50, ge=1, le=100, description="Rows per page.")


class ProjectJobsQuery(PageQuery):
    """Which jobs of a project."""

    status: JobStatus | None = None


class JobsQuery(ProjectJobsQuery):
    """Which jobs."""

    project_id: int | None = Field(default=None, ge=1, le=2**63 - 1)


class CursorQuery(BaseModel):
    """Which page."""

    cursor: str | None = Field(default=None, max_length=500, description="The next of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="Rows per page.")


class ChunksQuery(CursorQuery):
    """Which chunks."""

    status: State | None = None


class RetryFailuresRequest(Body):
    """Which failures to try again; an empty body means every transient class."""

    outcomes: Outcomes = Field(default_factory=list)
    host: Host | None = None
    failed_from: FailedFrom | None = None
    failed_until: FailedUntil | None = None
    eligible_only: EligibleOnly = False


class FailureSummaryQuery(BaseModel):
    """Which failures."""

    outcomes: Outcomes = Field(default_factory=list)
    host: Host | None = None
    failed_from: FailedFrom | None = None
    failed_until: FailedUntil | None = None
    eligible_only: EligibleOnly = False
    keyword: str | None = Field(default=None, max_length=100)
    engine: str | None = Field(default=None, max_length=100)


class FailuresQuery(CursorQuery, FailureSummaryQuery):
    """Which page of which failures."""

    outcome: str | None = Field(default=None, max_length=40, description="One class, such as http_404 or duplicate.")


class ImagesQuery(CursorQuery):
    """Which images."""

    valid: Literal["true", "false", "unchecked"] | None = None
    issue: IssueKind | None = Field(default=None, description="Something that any level found.")
    keyword: str | None = Field(default=None, max_length=100)
    engine: str | None = Field(default=None, max_length=100, description="As it was asked for.")
    format: Format | None = None
    quarantine: Quarantine = Field(
        default="none",
        description="none leaves out what is in quarantine, any asks for just that, all for both; or a reason.",
    )


class ResultsQuery(CursorQuery):
    """Which verdicts."""

    level: Level | None = None
    valid: Literal["true", "false"] | None = None
    issue: IssueKind | None = None


class ThumbnailQuery(BaseModel):
    """How large."""

    size: int = Field(default=256, ge=64, le=512, description="Longer side at most, in pixels.")
