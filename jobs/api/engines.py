"""Engines: what they take, what they miss, how they are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import engine_schemas as schemas
from jobs.api.common import answered, body
from jobs.services.engine_list import Asked, EngineFacts, engine_list, engine_named
from pixtasks.common.openapi import errors

TAGS = ["Engines"]
_EXAMPLE: dict[str, Any] = {
    "name": "openverse",
    "backend": "openverse",
    "description": "Openly licensed images of many collections.",
    "options": {"type": "object", "properties": {}, "additionalProperties": False},
    "configured": True,
    "missing": [],
    "default": True,
    "limits": {"starts": 10, "window_seconds": 60.0, "used": 3},
    "access": {
        "registered": False,
        "settings": ["PIXTASKS_OPENVERSE_CLIENT_ID", "PIXTASKS_OPENVERSE_CLIENT_SECRET"],
        "anonymous": {"page_size": 20, "results": 400},
        "credentials": {"page_size": 500, "results": 10000},
    },
    "quota": {"limit": 20, "remaining": 4, "reset_at": "2024-01-01T10:01:00Z", "told_at": "2024-01-01T10:00:00Z"},
    "health": {
        "state": "paused",
        "reason": "The source asked to wait.",
        "next_try": "2024-01-01T10:01:00Z",
        "paused_by_operator": False,
        "consecutive_failures": 1,
        "success_hour": 0.95,
        "success_day": 0.99,
        "last_ok_at": "2024-01-01T09:59:00Z",
        "last_error": "openverse is not available (status 429).",
        "last_error_at": "2024-01-01T10:00:00Z",
    },
    "page_size": 20,
    "depth": 400,
    "licensed": True,
    "homepage": "https://openverse.org",
    "terms": "https://docs.openverse.org/terms_of_service.html",
    "docs": "docs/engines/openverse.md",
}


def _share(asked: Asked) -> float | None:
    return None if asked.success is None else round(asked.success, 4)


def _rendered(facts: EngineFacts) -> schemas.Engine:
    row, here = facts.row, facts.standing
    quota = limits = None
    if row is not None and row.quota_at is not None:
        quota = schemas.EngineQuota(
            limit=row.quota_limit,
            remaining=row.quota_remaining,
            reset_at=row.quota_reset_at,
            told_at=row.quota_at,
        )
    if facts.starts is not None and facts.window is not None:
        limits = schemas.EngineLimits(starts=facts.starts, window_seconds=facts.window, used=facts.used)
    return schemas.Engine(
        name=facts.name,
        backend=facts.backend or None,
        description=facts.description,
        options=facts.options,
        configured=facts.usable,
        missing=list(facts.missing),
        default=facts.default,
        limits=limits,
        access=schemas.EngineAccess.model_validate(asdict(facts.access)) if facts.access is not None else None,
        quota=quota,
        health=schemas.EngineHealth(
            state=here.condition.value,
            reason=here.reason,
            next_try=here.until,
            paused_by_operator=here.held,
            consecutive_failures=row.consecutive_failures if row is not None else 0,
            success_hour=_share(facts.hour),
            success_day=_share(facts.day),
            last_ok_at=row.last_ok_at if row is not None else None,
            last_error=row.last_error if row is not None else "",
            last_error_at=row.last_error_at if row is not None else None,
        ),
        page_size=facts.page_size,
        depth=facts.depth,
        licensed=facts.licensed,
        homepage=facts.homepage,
        terms=facts.terms,
        docs=facts.docs,
    )


class EnginesView(APIView):
    """All engines."""

    @extend_schema(
        operation_id="engines_list",
        summary="List the engines",
        description="Every name that a job may give, usable ones first, with what the others miss.",
        tags=TAGS,
        responses={200: schemas.EngineList, **errors(401)},
        examples=[answered("One engine", {"items": [_EXAMPLE]})],
    )
    def get(self, request: Request) -> Response:
        """Return the engines."""
        return body(schemas.EngineList(items=[_rendered(one) for one in engine_list()]))


class EngineView(APIView):
    """One engine."""

    @extend_schema(
        operation_id="engines_retrieve",
        summary="Get an engine",
        tags=TAGS,
        responses={200: schemas.Engine, **errors(401, 404)},
        examples=[answered("An engine", _EXAMPLE), answered("Unknown", {"detail": "Engine not found"}, 404)],
    )
    def get(self, request: Request, engine_name: str) -> Response:
        """Return an engine by its name or an alias."""
        return body(_rendered(engine_named(engine_name)))
