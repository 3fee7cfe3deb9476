"""What dialect G is asked in queries; ``gather.params`` is the body of a start."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field


class GatherStatus(StrEnum):
    """Where a run stands (CONTRACT G20)."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    PROGRESS = "PROGRESS"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"


class StatusQuery(BaseModel):
    """Which updates."""

    since: int | None = Field(
        default=None,
        ge=0,
        le=2**31 - 1,
        description="Only updates after this number of the run's history, such as `X-Update-Seq` said.",
    )


class CursorQuery(BaseModel):
    """Which page."""

    cursor: str | None = Field(default=None, max_length=500, description="The next of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="Rows per page.")


class RunsQuery(CursorQuery):
    """Which runs."""

    status: GatherStatus | None = None
    project_id: str | None = Field(
        default=None,
        alias="projectId",
        min_length=1,
        max_length=200,
        description="Of one project: its slug, or its id as text.",
    )
