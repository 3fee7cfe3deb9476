"""What dialect D is asked: bodies, queries, and what stands in the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pixtasks.common.errors import FieldError, InvalidInput
from pixtasks.common.wording import NOT_A_DICT, NOT_AN_INTEGER, validate, validate_with
from tasktypes.handlers import Handler, handlers
from tasktypes.services.database_status import DatabaseStatus

MOST = 1000
"""Payloads of one batch."""

PAYLOAD_LOC = ("body", "payload")


class CreateTaskRequest(BaseModel):
    """What the task shall work on; its handler's own model says what that is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": ["payload"]}, {"required": ["task_payload"]}],
            "properties": {
                "payload": {"type": "object", "additionalProperties": True},
                "task_payload": {
                    "type": "object",
                    "additionalProperties": True,
                    "description": "Another name of payload.",
                },
            },
        },
    )

    payload: dict[str, Any] | None = None
    task_payload: dict[str, Any] | None = None


Payloads = Annotated[
    list[dict[str, Any]],
    Field(min_length=1, max_length=MOST, description="Each a payload, or an object that holds one as CreateTask does."),
]
_LIST: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(Payloads)


class BatchCreateTaskRequest(BaseModel):
    """The same as the bare list, by name."""

    model_config = ConfigDict(extra="forbid")

    payloads: Payloads


BATCH_BODY: dict[str, Any] = {
    "oneOf": [
        {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST,
            "items": {"type": "object", "additionalProperties": True},
            "description": "Each a payload, or an object that holds one as `payload` or `task_payload`.",
        },
        {
            "type": "object",
            "required": ["payloads"],
            "additionalProperties": False,
            "properties": {
                "payloads": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST,
                    "items": {"type": "object", "additionalProperties": True},
                }
            },
        },
    ]
}


class BatchQuery(BaseModel):
    """How a batch is taken."""

    atomic: bool = Field(default=False, description="All or nothing: one invalid payload refuses the whole batch.")


class TaskListQuery(BaseModel):
    """Which tasks, and which page of them."""

    task_name: str | None = Field(
        default=None, max_length=200, description="Of one name; names of declared task types count as well."
    )
    status: DatabaseStatus | None = None
    page: int = Field(default=1, ge=1, le=1_000_000, description="Counts from 1.")
    page_size: int = Field(default=50, ge=1, le=100, description="Tasks per page.")


class TaskStatsQuery(BaseModel):
    """Of which tasks."""

    task_name: str | None = Field(default=None, max_length=200, description="Of one name only.")


def known_handler(name: str) -> Handler[Any]:
    """Return the handler that a path names.

    Raises:
        InvalidInput: there is none; the sentence lists those that there are.
    """
    handler = handlers.get(name)
    if handler is None:
        permitted = ", ".join(f"'{known}'" for known in handlers.names())
        raise InvalidInput(
            FieldError(
                ("path", "task_name"),
                f"value is not a valid enumeration member; permitted: {permitted}",
                "type_error.enum",
            )
        )
    return handler


def task_number(text: str) -> int:
    """Return the id that a path holds.

    Raises:
        InvalidInput: it is not a whole number (CONTRACT X44).
    """
    if not (text.isascii() and text.isdecimal()):
        raise InvalidInput(FieldError(("path", "task_id"), *NOT_AN_INTEGER))
    return int(text[:40])  # Longer ones exist as little as one of forty digits, and Python need not convert them.


def payload_of(body: Any) -> dict[str, Any]:
    """Return the payload of a CreateTaskRequest.

    Raises:
        InvalidInput: there is none, or two, or it is no object.
    """
    request = validate(CreateTaskRequest, body)
    sent = request.model_fields_set
    if len(sent) == 2:
        raise InvalidInput(FieldError(("body", "task_payload"), "send payload or task_payload, not both"))
    payload = request.task_payload if "task_payload" in sent else request.payload
    if not sent:
        raise InvalidInput(FieldError(PAYLOAD_LOC, "field required", "value_error.missing"))
    if payload is None:
        raise InvalidInput(FieldError(PAYLOAD_LOC, "none is not an allowed value", "type_error.none.not_allowed"))
    return payload


def payloads_of(body: Any, handler: Handler[Any]) -> list[dict[str, Any]]:
    """Return the payloads of a batch, in order.

    Raises:
        InvalidInput: the body is no list of objects, is empty, or is too long.
    """
    if isinstance(body, Mapping):
        items = validate(BatchCreateTaskRequest, body).payloads
    elif isinstance(body, list):
        items = validate_with(_LIST, body)
    else:
        raise InvalidInput(FieldError(("body",), *NOT_A_DICT))
    own = set(handler.Params.model_fields)
    return [_unwrapped(item, own) for item in items]


def _unwrapped(item: dict[str, Any], own: set[str]) -> dict[str, Any]:
    """Return the payload of ``{"payload": {…}}``; a handler with such a field of its own gets the item as it is."""
    if len(item) == 1:
        key, inner = next(iter(item.items()))
        if key in ("payload", "task_payload") and key not in own and isinstance(inner, dict):
            return inner
    return item
