"""What tasks add up to (CONTRACT D19)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_query
from tasktypes.api.database import rendering, requests, schemas
from tasktypes.api.database.common import TAGS, body, caller
from tasktypes.services.access import owner_scope
from tasktypes.services.statistics import statistics, statistics_by_type


class StatsView(APIView):
    """Counts, success rate, times."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="database_tasks_stats",
        summary="Get counts, success rate and processing times",
        description=(
            "Of the caller's tasks, over all and for each name; staff see everybody's. Counts are exact. Times are "
            "those of the latest 1,000 tasks that ended. Cancelled tasks count as `error`, but not in the success rate."
        ),
        tags=TAGS,
        parameters=query_parameters(requests.TaskStatsQuery),
        responses={200: schemas.TaskStatsResponse, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return the figures."""
        query = parse_query(requests.TaskStatsQuery, request)
        owner_id = owner_scope(caller(request))
        over_all = statistics(owner_id=owner_id, type_name=query.task_name)
        if query.task_name is None:
            by_name = statistics_by_type(owner_id=owner_id)
        else:
            by_name = {query.task_name: over_all} if over_all.total else {}
        return body(rendering.stats(over_all, by_name))
