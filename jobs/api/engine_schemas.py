"""What dialect J answers about engines, and about what a job would ask of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from jobs.api.schemas import Answer


class EngineLimits(Answer):
    """How many chunks may begin at an engine, over all workers."""

    starts: int
    window_seconds: float
    used: int = Field(description="Starts that count now.")


class EngineQuota(Answer):
    """What the source's own headers told last."""

    limit: int | None
    remaining: int | None
    reset_at: datetime | None
    told_at: datetime


class EngineReach(Answer):
    """How much a source answers."""

    page_size: int = Field(description="Results of one request at most.")
    results: int = Field(description="Results of one keyword at most.")


class EngineAccess(Answer):
    """What a source answers to anybody, and to who has registered. How often it may be asked is in `quota`."""

    registered: bool = Field(description="Whether this installation asks with credentials of its own.")
    settings: list[str] = Field(description="The settings that hold them.")
    anonymous: EngineReach
    credentials: EngineReach


class EngineHealth(Answer):
    """How an engine is, for all workers together."""

    state: Literal["closed", "open", "half-open", "paused"] = Field(
        description="closed: it is asked. open: it failed too often in a row. half-open: one worker probes it. paused: "
        "its source asked to wait, or an operator paused it."
    )
    reason: str
    next_try: datetime | None = Field(description="When it is asked again; null where it may be now, or nobody knows.")
    paused_by_operator: bool
    consecutive_failures: int
    success_hour: float | None = Field(description="Share of the attempts that it answered; null: it was not asked.")
    success_day: float | None
    last_ok_at: datetime | None = Field(description="To the minute.")
    last_error: str = Field(description="Without keys and keywords.")
    last_error_at: datetime | None


class Engine(Answer):
    """A source of images."""

    name: str
    backend: str | None = Field(description="The engine that answers; null where this installation has none.")
    description: str
    options: dict[str, Any] | None = Field(description="JSON Schema of a job's `options` for it.")
    configured: bool = Field(description="Whether a job may use it here.")
    missing: list[str] = Field(description="Settings that must be set before.")
    default: bool = Field(description="Whether it is asked where a job names none.")
    limits: EngineLimits | None = Field(description="Null: not limited.")
    access: EngineAccess | None = Field(description="Null: everybody is answered alike.")
    quota: EngineQuota | None
    health: EngineHealth
    page_size: int | None = Field(description="Results on a page at most; null: that is up to the source.")
    depth: int | None = Field(description="Results of one keyword at most; null: no such bound is known.")
    licensed: bool | None = Field(description="Whether it tells licences; false: never. Null: it does not say.")
    homepage: str
    terms: str
    docs: str = Field(description="Its page in the documentation; empty where it has none.")


class EngineList(Answer):
    """The engines."""

    items: list[Engine]


class EnginePlan(Answer):
    """What a job asks of one engine."""

    engine: str
    backend: str | None
    usable: bool
    chunks: int
    images: int = Field(description="Stored at most.")
    requests: int = Field(description="Pages at least, if every candidate became an image.")
    requests_basis: str
    page_size: int | None = Field(description="Results on a page at most; null: that is up to the source.")
    licensed: bool | None = Field(description="Whether it tells licences; false: never. Null: it does not say.")
    limits: EngineLimits | None = Field(description="Null: not limited.")
    waiting_before: int = Field(description="Chunks of other jobs that wait for a start of this engine.")
    quota_remaining: int | None = Field(description="As the source's headers told last.")
    quota_reset_at: datetime | None
    available_at: datetime | None = Field(description="When it may be asked again; null: now.")
    wait_seconds: float = Field(description="Until its last chunk may begin, by limits, quota and pause.")
    bytes: int
    bytes_basis: str
    seconds_between: list[float] = Field(description="What its chunks take on one worker: least and most.")
    seconds_basis: str


class JobPlan(Answer):
    """What a job is going to cost."""

    job_id: int
    chunks: int
    images: int
    requests: int
    bytes: int
    free_bytes: int
    workers: int
    earliest_finish: datetime = Field(description="Under the limits, were everything else immediate.")
    finish_between: list[datetime] = Field(description="With the time that fetching takes: earliest and latest.")
    engines: list[EnginePlan]
    warnings: list[str]
