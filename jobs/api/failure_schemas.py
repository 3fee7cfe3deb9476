"""What dialect J answers about failures that are counted or tried again."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from jobs.api.schemas import Answer


class FailureClass(Answer):
    """The failures of one class."""

    outcome: str
    description: str
    transient: bool = Field(description="Whether the same request may succeed later.")
    failures: int
    eligible: int = Field(description="May be tried again by now.")
    next_eligible_at: datetime | None = Field(description="When the next of the others may be.")


class FailureHost(Answer):
    """The failures at one host."""

    host: str = Field(description="Empty for addresses that name none.")
    failures: int
    eligible: int
    next_eligible_at: datetime | None


class FailureSummary(Answer):
    """What a job could not fetch, by class and by host; duplicates are left out."""

    job_id: int
    failures: int
    eligible: int
    next_eligible_at: datetime | None
    classes: list[FailureClass] = Field(description="The most frequent first.")
    hosts: list[FailureHost] = Field(description="The fifty most frequent.")


class FailuresRetried(Answer):
    """Failed candidates are tried again; the job and its chunks stay as they ended."""

    job_id: int
    run_id: int
    status: Literal["running"] = "running"
    retried_failures: int
    outcomes: dict[str, int] = Field(description="How many of each class.")
    task_ids: list[str]
    message: str
