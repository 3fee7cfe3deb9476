"""What the webhooks API is asked and what it answers."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from drf_spectacular.drainage import set_override
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tasktypes.webhooks.models import DeliveryState, WebhookEvent, all_events

DAY = 86_400


def _unique(events: list[WebhookEvent]) -> list[WebhookEvent]:
    return list(dict.fromkeys(events))


Url = Annotated[str, Field(min_length=1, max_length=2000, description="http or https; without user name or password.")]
Events = Annotated[
    list[WebhookEvent], Field(min_length=1, max_length=20, description="What to hear of."), AfterValidator(_unique)
]
Description = Annotated[str, Field(max_length=200)]
TypeName = Annotated[str, Field(min_length=1, max_length=200, description="Only tasks of this type; null: of any.")]
TaskNumber = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]
ProjectNumber = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]
TaskPublicId = Annotated[str, Field(min_length=1, max_length=64)]


class Body(BaseModel):
    """A body that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class WebhookEndpointCreateRequest(Body):
    """A new endpoint: about all tasks and jobs of the caller, tasks of one type, one task, or one project."""

    url: Url
    events: Events = Field(
        default_factory=lambda: [WebhookEvent(name) for name in all_events()],
        description="What to hear of; task.completed, task.failed and task.cancelled where it is left out.",
    )
    description: Description = ""
    task_type: TypeName | None = None
    task_id: TaskNumber | TaskPublicId | None = Field(
        default=None, description="Only this task: its number, or the id that /api/celery shows."
    )
    project_id: ProjectNumber | None = Field(
        default=None, description="Only what belongs to this project, whoever started it."
    )


class WebhookEndpointUpdateRequest(Body):
    """What is to change; fields that are not sent stay as they are."""

    # The defaults are never read: only fields that were sent count.
    url: Url = Field(default_factory=str)
    events: Events = Field(default_factory=list)
    description: Description = Field(default_factory=str)
    task_type: TypeName | None = None
    is_active: bool = Field(default_factory=bool, strict=True, description="false: no deliveries any more.")


class WebhookRotateRequest(Body):
    """How long the present secret stays valid."""

    overlap_seconds: int = Field(
        default=DAY,
        strict=True,
        ge=0,
        le=30 * DAY,
        description="Both secrets sign for so long; 0 ends the present one at once.",
    )


class PageQuery(BaseModel):
    """Which page."""

    cursor: str | None = Field(default=None, max_length=500, description="The next of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="Rows per page.")


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    endpoint_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    task_id: str | None = Field(default=None, min_length=1, max_length=64, description="The task's number or its id.")
    subject: str | None = Field(
        default=None, min_length=1, max_length=100, description="What they tell of, such as job:12."
    )
    event: WebhookEvent | None = None
    state: DeliveryState | None = None


class Answer(BaseModel):
    """A body of a response."""


# A model may stand in an operation's answer and within a page of another one: it is the same component.
set_override(Answer, "suppress_collision_warning", True)


class WebhookEndpoint(Answer):
    """An endpoint; its secret is not shown."""

    id: int
    url: str
    description: str
    events: list[WebhookEvent]
    task_type: str | None
    task_id: int | None = Field(description="The task's number.")
    project_id: int | None = Field(description="Only what belongs to this project.")
    is_active: bool
    owner: str
    previous_secret_expires_at: str | None = Field(description="Until when the secret before the last rotation signs.")
    created_at: str
    updated_at: str


class WebhookEndpointWithSecret(WebhookEndpoint):
    """An endpoint with the secret that was just made."""

    secret: str | None = Field(
        description="Shown this once; null where an Idempotency-Key brought an earlier answer back."
    )


class WebhookEndpointPage(Answer):
    """Endpoints, newest first."""

    items: list[WebhookEndpoint]
    next: str | None = Field(description="The cursor of the next page, null on the last.")


class WebhookAttempt(Answer):
    """One try."""

    at: str
    http_status: int | None = Field(description="What the receiver answered; null where it did not.")
    duration_ms: int
    error: str | None = Field(description="Null for a success.")


class WebhookDelivery(Answer):
    """A delivery and its tries."""

    id: uuid.UUID = Field(description="The event's id, the same in every try (X-Webhook-Id).")
    endpoint_id: int
    event: WebhookEvent
    subject: str = Field(description="What it tells of: task:<public id>, job:<id> or validation:<id>.")
    task_id: str | None = Field(description="The task's public id; null where it tells of no task.")
    task_number: int | None
    state: DeliveryState
    attempts: list[WebhookAttempt]
    created_at: str
    ended_at: str | None


class WebhookDeliveryDetail(WebhookDelivery):
    """The same with what is sent."""

    body: dict[str, Any]


class WebhookDeliveryPage(Answer):
    """Deliveries, newest first."""

    items: list[WebhookDelivery]
    next: str | None = Field(description="The cursor of the next page, null on the last.")
