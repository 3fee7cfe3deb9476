"""Bodies of the sign-in API."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class LoginRequest(BaseModel):
    """Who signs in."""

    email: str = Field(min_length=1, max_length=254, examples=["user@example.com"])
    password: str = Field(min_length=1, max_length=1024, json_schema_extra={"format": "password"})


class RefreshRequest(BaseModel):
    """A refresh token that was not used yet."""

    refresh_token: str = Field(min_length=1, max_length=4096)


class TokenResponse(BaseModel):
    """An access token for the Authorization header, and what the next one is bought with."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 -- the scheme, not a secret
    expires_in: int = Field(description="Life of the access token in seconds.", examples=[3600])
    refresh_token: str = Field(description="Works once.")


class Me(BaseModel):
    """Who calls."""

    id: int
    email: str
    name: str
    is_staff: bool = Field(description="Sees everybody's objects.")


class SignedOut(BaseModel):
    """The sign-in is over."""

    message: str = Field(examples=["Signed out successfully"])
