"""What the workers do (CONTRACT C06)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.common.openapi import errors
from tasktypes.api.celery import schemas
from tasktypes.api.celery.common import TAGS, answered, caller
from tasktypes.services.celery_stats import celery_stats

_IDLE: dict[str, Any] = {"active_tasks": {}, "scheduled_tasks": {}, "registered_tasks": [], "worker_stats": {}}


class StatsView(APIView):
    """What the workers do now."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="celery_stats",
        summary="Get worker and queue statistics",
        description=(
            "The workers have a second to answer; what the ledger knows of them is shown in any case. Without a "
            "worker everything is empty. Only staff see tasks that are not their own."
        ),
        tags=TAGS,
        responses={200: schemas.CeleryStats, **errors(401)},
        examples=[answered("No worker", _IDLE)],
    )
    def get(self, request: Request) -> Response:
        """Return what the workers do."""
        return Response(schemas.CeleryStats(**asdict(celery_stats(caller(request)))).model_dump())
