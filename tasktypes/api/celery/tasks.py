"""What can be launched (CONTRACT C01)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.common.openapi import errors
from tasktypes.api.celery import rendering, schemas
from tasktypes.api.celery.common import TAGS
from tasktypes.handlers import handlers


class TasksView(APIView):
    """The task types that can be launched."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="celery_tasks",
        summary="List all available tasks",
        description="Every registered handler, with its parameters. Only these can be launched.",
        tags=TAGS,
        responses={200: schemas.AvailableTasks, **errors(401)},
    )
    def get(self, request: Request) -> Response:
        """Return every registered handler."""
        return Response([rendering.available(handler).model_dump() for handler in handlers])
