"""What dialect R is asked: bodies, which refuse unknown fields, and queries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from pixtasks.common.times import parse_time
from pixtasks.common.wording import BAD_DATETIME
from tasktypes.models import DependencyFailure
from tasktypes.states import State

LONGEST_WAIT = 30
_DAY = 86_400


def _moment(value: Any) -> Any:
    """Read ISO 8601 only: a number would be taken for seconds or milliseconds, whichever fits."""
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return parse_time(value)
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError("value_error.datetime", BAD_DATETIME[0])


Object = dict[str, Any]
Id = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]
Name = Annotated[str, Field(min_length=1, max_length=200, description="Unique; it never changes.")]
Description = Annotated[str, Field(max_length=10_000)]
Schema = Annotated[Object, Field(description="A JSON Schema that parameters are checked against; {} accepts all.")]
TypeMetadata = Annotated[
    Object,
    Field(
        description="Anything. max_retries (0 to 100), backoff (seconds before the first retry, doubling up to an "
        "hour) and validate_parameters (false: tasks are not checked) have a meaning here."
    ),
]
Priority = Annotated[int, Field(strict=True, ge=1, le=1000, description="Lower runs first.")]
MaxRetries = Annotated[
    int, Field(strict=True, ge=0, le=100, description="Automatic retries after a failure; by default the type's own.")
]
RunAfter = Annotated[datetime, Field(description="Not before this time; UTC where it has no offset.")]
OptionalRunAfter = Annotated[RunAfter | None, BeforeValidator(_moment)]
DependsOn = Annotated[list[Id], Field(max_length=100, description="Tasks that must complete first.")]
OnDependencyFailure = Annotated[
    DependencyFailure,
    Field(description="fail: this task fails when a prerequisite ends badly; wait: it waits until that is retried."),
]
ErrorMessage = Annotated[str, Field(max_length=20_000)]
LeaseSeconds = Annotated[
    float, Field(strict=True, ge=1, le=_DAY, description="How long the claim holds without a heartbeat.")
]


class Body(BaseModel):
    """A body: what it may not set, such as owner or id, it may not name."""

    model_config = ConfigDict(extra="forbid")

    def given(self, *, nullable: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the fields that were sent; null counts as not sent but where it is a value."""
        return {
            name: getattr(self, name)
            for name in self.model_fields_set
            if getattr(self, name) is not None or name in nullable
        }


class TaskTypeCreateRequest(Body):
    """A new task type."""

    name: Name
    description: Description | None = None
    parameters_schema: Schema | None = None
    metadata: TypeMetadata | None = None


class TaskTypeUpdateRequest(Body):
    """What is to change; fields that are not sent, or null, stay as they are."""

    description: Description | None = None
    parameters_schema: Schema | None = None
    metadata: TypeMetadata | None = None
    is_active: Annotated[bool, Field(strict=True, description="true brings a deleted type back.")] | None = None


class RegistryTaskCreateRequest(Body):
    """A new task."""

    task_type_id: Id
    parameters: Object = Field(default_factory=dict)
    priority: Priority | None = Field(default=None, description="Lower runs first; 100 where not given.")
    metadata: Object | None = None
    run_after: OptionalRunAfter = None
    depends_on: DependsOn | None = None
    on_dependency_failure: OnDependencyFailure | None = None
    max_retries: MaxRetries | None = None


class RegistryTaskUpdateRequest(Body):
    """What is to change; fields that are not sent stay as they are."""

    status: State | None = Field(
        default=None,
        description="running sets started_at; completed, failed and cancelled set completed_at; cancelled cancels.",
    )
    priority: Priority | None = None
    parameters: Object | None = None
    metadata: Object | None = None
    result: Object | None = None
    error_message: ErrorMessage | None = None
    run_after: OptionalRunAfter = None
    depends_on: DependsOn | None = None
    on_dependency_failure: OnDependencyFailure | None = None
    max_retries: MaxRetries | None = None


class ClaimRequest(Body):
    """Which tasks a worker takes."""

    worker: str = Field(min_length=1, max_length=200, description="The name it gives itself; the history shows it.")
    task_types: list[Name] | None = Field(
        default=None, max_length=100, description="Names of types; where not given, of every type."
    )
    limit: int = Field(default=1, strict=True, ge=1, le=1000, description="How many tasks at most.")
    lease_seconds: LeaseSeconds = 60
    wait: float = Field(
        default=0,
        strict=True,
        ge=0,
        le=LONGEST_WAIT,
        description="Seconds to wait for a task where there is none; 0 with an Idempotency-Key.",
    )


class _Leased(Body):
    attempt: Id
    lease_token: str = Field(min_length=1, max_length=200, description="What the claim answered.")


class HeartbeatRequest(_Leased):
    """A sign of life."""

    lease_seconds: LeaseSeconds = 60
    progress: Object | None = Field(default=None, description="How far it is, for people to see.")


class CompleteRequest(_Leased):
    """It is done."""

    result: Object | None = None


class FailRequest(_Leased):
    """It went wrong."""

    error_message: ErrorMessage = Field(min_length=1)
    retry: bool = Field(default=True, strict=True, description="false: trying again cannot help.")
    result: Object | None = None


class TaskTypesQuery(BaseModel):
    """Which types."""

    include_inactive: bool = False
    q: str | None = Field(default=None, min_length=1, max_length=200, description="Words that all must occur.")
    limit: int = Field(default=1000, ge=1, le=1000, description="Rows per page.")
    cursor: str | None = Field(default=None, max_length=500, description="From the Link header of the page before.")


class RegistryTasksQuery(BaseModel):
    """Which tasks."""

    task_type_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    task_type: str | None = Field(default=None, min_length=1, max_length=200, description="The type's name.")
    status: State | None = None
    q: str | None = Field(default=None, min_length=1, max_length=200, description="Words that all must occur.")
    limit: int = Field(default=100, ge=1, le=1000, description="Maximum number of tasks.")
    cursor: str | None = Field(default=None, max_length=500, description="From the Link header of the page before.")


class StatsQuery(BaseModel):
    """Of which type."""

    task_type: str | None = Field(default=None, min_length=1, max_length=200, description="The type's name.")
