"""How drf-spectacular reads this product: pydantic bodies, security schemes. Loaded when the application starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent

from pixtasks.accounts.authentication import API_KEY_HEADER, SessionAuthentication

# The session of J and that of the other dialects are one scheme.
set_override(SessionAuthentication, "suppress_collision_warning", True)


class BearerScheme(OpenApiAuthenticationExtension):
    """``Authorization: Bearer``."""

    target_class = "pixtasks.accounts.authentication.BearerAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access_token of POST /api/v1/auth/login; valid for an hour.",
        }


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """``X-API-Key``."""

    target_class = "pixtasks.accounts.authentication.ApiKeyAuthentication"
    name = "apiKeyAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": API_KEY_HEADER,
            "description": "A key of POST /api/v1/api-keys; it acts as its owner. With the scope read it only looks.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """The console's cookie."""

    target_class = "pixtasks.accounts.authentication.SessionAuthentication"
    match_subclasses = True
    name = "sessionAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The console's session; writing requests need the X-CSRFToken header too.",
        }


class AnonymousScheme(OpenApiAuthenticationExtension):
    """No credentials at all, while the anonymous API is on: the empty requirement, which needs no scheme."""

    target_class = "pixtasks.accounts.authentication.AnonymousLocalAuthentication"
    name: list[str] = []

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Return the requirement that is always met, or none where credentials are needed."""
        return [{}] if settings.PIXTASKS_ANONYMOUS_API else []

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Return no scheme."""
        return []


class PydanticBody(OpenApiSerializerExtension):
    """A pydantic model in ``extend_schema``: the component has the model's own name.

    The library's extension describes requests as responses, where a field with a default is always there.
    """

    target_class = "pydantic.BaseModel"
    match_subclasses = True
    priority = 1

    def get_name(self, auto_schema: Any, direction: str) -> str:
        """Return the component's name; for requests the library appends ``Request``."""
        name: str = self.target.__name__
        return name.removesuffix("Request") if direction == "request" else name

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return the JSON schema; nested models become components of their own."""
        mode = "validation" if direction == "request" else "serialization"
        schema: dict[str, Any] = self.target.model_json_schema(ref_template="#/components/schemas/{model}", mode=mode)
        for name, definition in schema.pop("$defs", {}).items():
            auto_schema.registry.register_on_missing(
                ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=definition)
            )
        return schema
