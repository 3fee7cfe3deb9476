"""What a job could not fetch: list it, count it, try it again."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import failure_schemas, rendering, requests, schemas
from jobs.api.common import actor_of, answered, body, caller, cursor_page, sent
from jobs.services.access import job_for
from jobs.services.failures import FailureFilter, failure_summary
from jobs.services.refetch import start_refetch
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_body, parse_query

TAGS = ["Jobs"]


def _filter(
    asked: requests.RetryFailuresRequest | requests.FailureSummaryQuery, where: str, outcome: str | None = None
) -> FailureFilter:
    """Return which failures are meant, checked."""
    query = asked if isinstance(asked, requests.FailureSummaryQuery) else None
    wanted = FailureFilter(
        outcomes=tuple(asked.outcomes) + ((outcome,) if outcome is not None else ()),
        host=asked.host or "",
        failed_from=asked.failed_from,
        failed_until=asked.failed_until,
        eligible_only=asked.eligible_only,
        keyword=query.keyword if query is not None else None,
        engine=query.engine if query is not None else None,
    )
    wanted.check(where)
    return wanted


class FailuresView(APIView):
    """What a job could not fetch."""

    @extend_schema(
        operation_id="jobs_failures",
        summary="List the candidates that did not become a new image",
        description="By chunk and rank. `outcomes` may be repeated: `?outcomes=dns&outcomes=http_429`.",
        tags=TAGS,
        parameters=query_parameters(requests.FailuresQuery),
        responses={200: schemas.FailurePage, **errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return a page of failures."""
        query = parse_query(requests.FailuresQuery, request)
        wanted = _filter(query, "query", query.outcome)
        failures = wanted.of(job_for(caller(request), job_id)).select_related("chunk")
        return cursor_page(failures, query, rendering.failure, order=(("chunk_id", int), ("rank", int)))


class FailureSummaryView(APIView):
    """The failures of a job, counted."""

    @extend_schema(
        operation_id="jobs_failures_summary",
        summary="Count the failures of a job by class and by host",
        description="With how many may be tried again by now, and when the next may. Duplicates are left out.",
        tags=TAGS,
        parameters=query_parameters(requests.FailureSummaryQuery),
        responses={200: failure_schemas.FailureSummary, **errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return the counts."""
        query = parse_query(requests.FailureSummaryQuery, request)
        job = job_for(caller(request), job_id)
        return body(rendering.failure_summary(job.pk, failure_summary(job, _filter(query, "query"))))


class RetryFailuresView(APIView):
    """Try failed candidates again."""

    @extend_schema(
        operation_id="jobs_retry_failures",
        summary="Try failed candidates of an ended job again",
        description=(
            "Those of the classes named, or of every transient class; only at one host, only what failed between two "
            "times, only what may be tried again by now. The job and its chunks stay as they ended, and no chunk gets "
            "more images than it was asked for. What another run is at is left out. 400 where nothing is left to try, "
            "with the reason."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.RetryFailuresRequest,
        responses={200: failure_schemas.FailuresRetried, **errors(400, 401, 403, 404, 409, body=True)},
        examples=[
            sent("Every transient class", {}),
            sent("Names that did not resolve, and limits", {"outcomes": ["dns", "http_429"]}),
            sent(
                "What failed at one host in a while",
                {
                    "host": "images.example.com",
                    "failed_from": "2024-01-01T12:04:00Z",
                    "failed_until": "2024-01-01T12:30:00Z",
                    "eligible_only": True,
                },
            ),
            answered(
                "Tried again",
                {
                    "job_id": 123,
                    "run_id": 4,
                    "status": "running",
                    "retried_failures": 12,
                    "outcomes": {"dns": 9, "http_429": 3},
                    "task_ids": ["550e8400-e29b-41d4-a716-446655440000", "6fa459ea-ee8a-4ca4-894e-db77e160355e"],
                    "message": "12 failure(s) will be tried again.",
                },
            ),
            answered("Unknown", {"detail": "Crawl job not found"}, 404),
            answered("Somebody else's", {"detail": "Access denied to this resource"}, 403),
        ],
    )
    @idempotent
    def post(self, request: Request, job_id: int) -> Response:
        """Start a run over the failures that are meant."""
        wanted = _filter(parse_body(requests.RetryFailuresRequest, request), "body")
        actor = actor_of(request)
        started = start_refetch(job_for(caller(request), job_id), wanted, actor["actor"], address=actor["address"])
        count = started.run.failures_count
        return body(
            failure_schemas.FailuresRetried(
                job_id=job_id,
                run_id=started.run.pk,
                retried_failures=count,
                outcomes=started.classes,
                task_ids=started.task_ids,
                message=f"{count} failure(s) will be tried again.",
            )
        )
