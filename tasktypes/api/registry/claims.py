"""What outside workers do, and retry: claim, heartbeat, complete, fail (CONTRACT X36, R33)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pixtasks.accounts.idempotency import HEADER, IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors
from pixtasks.common.validation import parse_body
from tasktypes.api.registry import rendering, requests, schemas
from tasktypes.api.registry.common import TASKS, RegistryView, answered, caller, sent, task_in_hand, worker_scope
from tasktypes.api.registry.tasks import EXAMPLE
from tasktypes.services import outside
from tasktypes.services.access import task_for
from tasktypes.services.declared_tasks import retry_task
from tasktypes.services.task_types import known_types
from tasktypes.services.waiting import claim_or_wait

_LEASE: dict[str, Any] = {"attempt": 1, "lease_token": "q3hV0b2m"}
_CLAIMED = {
    **EXAMPLE,
    "status": "running",
    "updated_at": "2025-11-06T22:00:05Z",
    "started_at": "2025-11-06T22:00:05Z",
    **_LEASE,
    "lease_expires_at": "2025-11-06T22:01:05Z",
}


class ClaimView(RegistryView):
    """Work for outside workers."""

    @extend_schema(
        operation_id="registry_tasks_claim",
        summary="Take tasks to work on",
        description=(
            "Hands out what may run now: lower priorities first, within one priority owners in turns, of one owner "
            "the oldest first; no task twice. You get your own tasks; staff, and API keys with the scope `worker`, "
            "everybody's. A task whose lease ends without a heartbeat is handed out again."
        ),
        tags=TASKS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.ClaimRequest,
        responses={200: schemas.ClaimedTasks, **errors(400, 401, 409, body=True)},
        examples=[
            sent("One task", {"task_types": ["video_processing"], "worker": "box-1", "lease_seconds": 60, "wait": 20}),
            answered("A task", [_CLAIMED]),
            answered("Nothing to do", []),
        ],
    )
    def post(self, request: Request) -> Response:
        """Claim tasks; wait for some where there are none."""
        # Under a key the claim is one transaction, which must not wait.
        return self._claim_once(request) if HEADER in request.headers else self._claim(request, patient=True)

    @idempotent
    def _claim_once(self, request: Request) -> Response:
        return self._claim(request, patient=False)

    @staticmethod
    def _claim(request: Request, *, patient: bool) -> Response:
        wanted = parse_body(requests.ClaimRequest, request)
        names = None if wanted.task_types is None else known_types(wanted.task_types)
        owner_id = worker_scope(request)

        def claim() -> list[outside.Leased]:
            return outside.claim_tasks(
                worker=wanted.worker,
                limit=wanted.limit,
                lease_seconds=wanted.lease_seconds,
                type_names=names,
                owner_id=owner_id,
            )

        taken = claim_or_wait(claim, seconds=wanted.wait if patient else 0, type_names=names, owner_id=owner_id)
        return Response(rendering.claimed(taken))


class HeartbeatView(RegistryView):
    """Signs of life."""

    @extend_schema(
        operation_id="registry_tasks_heartbeat",
        summary="Renew a lease",
        description="Send it well before the lease ends. `cancel: true` asks the worker to stop. 409: another attempt "
        "owns the task, or it has ended; drop the work.",
        tags=TASKS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.HeartbeatRequest,
        responses={200: schemas.Heartbeat, **errors(401, 403, 404, 409, body=True)},
        examples=[sent("With progress", {**_LEASE, "progress": {"percent": 40}})],
    )
    @idempotent
    def post(self, request: Request, task_id: int) -> Response:
        """Renew the lease and store progress."""
        said = parse_body(requests.HeartbeatRequest, request)
        row = outside.heartbeat(
            task_in_hand(request, task_id),
            attempt=said.attempt,
            token=said.lease_token,
            lease_seconds=said.lease_seconds,
            progress=said.progress,
        )
        return Response(rendering.heartbeat(row))


class CompleteView(RegistryView):
    """Good ends."""

    @extend_schema(
        operation_id="registry_tasks_complete",
        summary="Say that a task is done",
        description="Repeating it is answered the same. 409: another attempt owns the task, or it has ended otherwise.",
        tags=TASKS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.CompleteRequest,
        responses={200: schemas.RegistryTask, **errors(401, 403, 404, 409, body=True)},
        examples=[sent("With a result", {**_LEASE, "result": {"output_file": "video_processed.mp4"}})],
    )
    @idempotent
    def post(self, request: Request, task_id: int) -> Response:
        """End the task well."""
        said = parse_body(requests.CompleteRequest, request)
        row = outside.complete(
            task_in_hand(request, task_id), attempt=said.attempt, token=said.lease_token, result=said.result
        )
        return Response(rendering.task(row))


class FailView(RegistryView):
    """Bad ends."""

    @extend_schema(
        operation_id="registry_tasks_fail",
        summary="Say that a task went wrong",
        description="It is pending again while it has retries left (`max_retries`), with the type's back-off; else "
        "it has failed. 409: another attempt owns the task, or it has ended otherwise.",
        tags=TASKS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.FailRequest,
        responses={200: schemas.RegistryTask, **errors(401, 403, 404, 409, body=True)},
        examples=[sent("For good", {**_LEASE, "error_message": "the file is damaged", "retry": False})],
    )
    @idempotent
    def post(self, request: Request, task_id: int) -> Response:
        """End the attempt badly."""
        said = parse_body(requests.FailRequest, request)
        row = outside.fail(
            task_in_hand(request, task_id),
            attempt=said.attempt,
            token=said.lease_token,
            error_message=said.error_message,
            retry=said.retry,
            result=said.result,
        )
        return Response(rendering.task(row))


class RetryView(RegistryView):
    """Another try, by hand."""

    @extend_schema(
        operation_id="registry_tasks_retry",
        summary="Run a failed or cancelled task again",
        description="Under its id, with all its retries. 400: it has neither failed nor been cancelled, or it belongs "
        "to a job or run.",
        tags=TASKS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: schemas.RegistryTask, **errors(400, 401, 403, 404, 409, 422)},
    )
    @idempotent
    def post(self, request: Request, task_id: int) -> Response:
        """Let the task run again."""
        return self._again(request, task_id)

    @extend_schema(
        operation_id="registry_tasks_retry_patch",
        summary="Run a failed or cancelled task again",
        description="The same as POST.",
        tags=TASKS,
        request=None,
        responses={200: schemas.RegistryTask, **errors(400, 401, 403, 404)},
    )
    def patch(self, request: Request, task_id: int) -> Response:
        """Let the task run again."""
        return self._again(request, task_id)

    @staticmethod
    def _again(request: Request, task_id: int) -> Response:
        user = caller(request)
        return Response(rendering.task(retry_task(task_for(user, task_id), actor=user)))
