"""Bodies of the API of API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from drf_spectacular.drainage import set_override
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from pixtasks.accounts.models import Scope
from pixtasks.accounts.services.api_keys import LONGEST_NAME


def _one_line(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


def _text_only(value: Any) -> Any:
    # A number would be taken as seconds since 1970.
    if value is not None and not isinstance(value, str):
        raise ValueError("send a date and time such as 2027-01-01T00:00:00Z")
    return value


Name = Annotated[
    str, Field(min_length=1, max_length=LONGEST_NAME, examples=["nightly export"]), BeforeValidator(_one_line)
]
Expiry = Annotated[
    AwareDatetime | None,
    Field(description="With its offset from UTC, in the future; null: it does not expire."),
    BeforeValidator(_text_only),
]


class ApiKeyCreateRequest(BaseModel):
    """A new key."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: list[Scope] = Field(
        default_factory=list,
        max_length=10,
        description=(
            "read: it may look and change nothing. worker: it may claim everybody's tasks; only operators grant it. "
            "None: it may do what its owner may. read and worker exclude each other."
        ),
    )
    expires_at: Expiry = None
    owner: str | None = Field(
        default=None, min_length=1, max_length=254, description="Staff only: the address of whom it acts as."
    )


class ApiKeyUpdateRequest(BaseModel):
    """What is to change; fields that are not sent stay as they are."""

    model_config = ConfigDict(extra="forbid")

    # The defaults are never read: only fields that were sent count.
    name: Name = Field(default_factory=str)
    expires_at: Expiry = None


class ApiKeyPageQuery(BaseModel):
    """Which page."""

    page: int = Field(default=1, ge=1, le=1_000_000, description="Counts from 1.")
    page_size: int = Field(default=50, ge=1, le=100, description="Rows per page.")


class ApiKeyInfo(BaseModel):
    """An API key without the secret, which is stored nowhere."""

    id: int
    name: str
    prefix: str = Field(description="The part of the key before the dot; it tells keys apart.")
    owner: str = Field(description="The address of whom it acts as.")
    scopes: list[str]
    revoked: bool
    expired: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


# A key stands in answers of its own and within a page: it is the same component.
set_override(ApiKeyInfo, "suppress_collision_warning", True)


class ApiKeyWithSecret(ApiKeyInfo):
    """A new key."""

    key: str | None = Field(
        description="What X-API-Key carries. Shown this once; null where an Idempotency-Key had the answer repeated."
    )


class ApiKeyPage(BaseModel):
    """A page of keys, newest first."""

    items: list[ApiKeyInfo]
    total: int
    page: int
    page_size: int
