"""Launching tasks, and launching failed ones again (CONTRACT C02, C05, C09, C10, C17, C18, C20, C22)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.errors import FieldError, InvalidInput, PixtasksError
from pixtasks.common.openapi import errors
from pixtasks.common.throttles import FlowLimit, caller_ident
from pixtasks.common.validation import body_of, parse_body
from pixtasks.common.wording import validate
from tasktypes.api.celery import rendering, requests, schemas
from tasktypes.api.celery.common import DENIED, TAGS, TASK_ID, answered, body, caller, sent
from tasktypes.services import launch as services
from tasktypes.services.access import task_by_public_id

logger = logging.getLogger(__name__)

_DOWN = answered("The broker is down", {"detail": "Failed to launch task: Redis connection refused"}, 500)
_LAUNCHED = {
    "success": True,
    "task_id": TASK_ID,
    "task_type": "tasktypes.housekeeping",
    "status": "PENDING",
    "message": "Task tasktypes.housekeeping launched successfully",
}
_LATER = {"task_type": "tasktypes.housekeeping", "params": {}, "priority": 10, "countdown": 60}


def _launches(request: Request) -> list[services.Launch]:
    """Return what a body asks for; of a list every fault is told.

    Raises:
        InvalidInput: it is neither a launch nor a list of launches.
        RuleViolation: a task type is not known.
    """
    data = body_of(request)
    if not isinstance(data, list):
        return [_launch_of(parse_body(requests.TaskLaunchRequest, request))]
    if not 1 <= len(data) <= requests.MOST_LAUNCHES:
        said = f"ensure this value has from 1 to {requests.MOST_LAUNCHES} items"
        raise InvalidInput(FieldError(("body",), said, "value_error.list.items"))
    found, faults = [], []
    for index, item in enumerate(data):
        try:
            found.append(_launch_of(validate(requests.TaskLaunchRequest, item, loc=("body", index))))
        except InvalidInput as error:
            faults += error.errors
    if faults:
        raise InvalidInput(faults)
    return found


def _launch_of(one: requests.TaskLaunchRequest) -> services.Launch:
    return services.Launch(
        task_type=one.task_type,
        params=one.params,
        priority=one.priority,
        run_after=one.run_after,
        countdown=one.countdown,
    )


@contextmanager
def _failures_logged(what: str) -> Iterator[None]:
    """Log what a launch ends with, with the traceback where nobody expected it."""
    try:
        yield
    except services.LaunchFailed as error:
        logger.exception("❌ %s", error.message)
        raise
    except PixtasksError as error:
        logger.warning("❌ Not launched: %s: %s", what, error.message)
        raise
    except Exception:
        logger.exception("❌ Failed to launch task: %s", what)
        raise


class LaunchView(APIView):
    """Launch tasks."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="celery_launch",
        summary="Launch a new task, or many",
        description=(
            "Send one launch, or a list of up to 1000: then all are launched, or none, and the answer is a list in the "
            "same order. `run_after` or `countdown` launch for later. Each task counts against the rate of launches."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.LaunchBodyRequest,
        responses={202: schemas.Launched, **errors(400, 401, 403, 409, 500, body=True)},
        examples=[
            sent("One", {"task_type": "tasktypes.housekeeping", "params": {}}),
            sent("In a minute, before others", _LATER),
            sent("Many", [{"task_type": "tasktypes.housekeeping", "params": {}}, _LATER]),
            answered("Launched", _LAUNCHED, 202),
            answered("Unknown type", {"detail": "Unknown task type: sync"}, 400),
            _DOWN,
        ],
    )
    def post(self, request: Request) -> Response:
        """Launch one task or many."""
        wanted = _launches(request)
        names = ", ".join(dict.fromkeys(one.task_type for one in wanted))
        logger.info("📤 Launching task: %s%s", names, f" ({len(wanted)} launches)" if len(wanted) > 1 else "")
        with _failures_logged(names):
            FlowLimit("launch").take(caller_ident(request), weight=len(wanted))
            # Before the transaction of the next step: none may wait for anything but the database.
            services.require_broker()
            return self._launch(request)

    @idempotent
    def _launch(self, request: Request) -> Response:
        wanted = _launches(request)
        if not isinstance(body_of(request), list):
            task = services.launch(wanted[0], caller=caller(request))
            logger.info("✅ Task launched: %s %s", task.type_name, task.public_id)
            return body(rendering.launched(task), 202)
        tasks = services.launch_many(wanted, caller=caller(request))
        logger.info("✅ %d tasks launched", len(tasks))
        return Response([rendering.launched(task).model_dump() for task in tasks], status=202)


class RetryView(APIView):
    """Launch a failed task again."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="celery_retry",
        summary="Retry a failed task",
        description=(
            "Launches a new task with the parameters of the failed one, which stays as it is. 400 where the task has "
            "not failed, and where it belongs to a job or run: then the text names that one's own retry."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={202: schemas.TaskRetried, **errors(400, 401, 403, 404, 409, 422, 500)},
        examples=[
            answered(
                "Not failed",
                {"detail": "Cannot retry task in state: SUCCESS. Only FAILURE tasks can be retried."},
                400,
            ),
            _DOWN,
            *DENIED,
        ],
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Launch a failed task again."""
        logger.info("📤 Retrying task: %s", task_id)
        with _failures_logged(task_id):
            FlowLimit("launch").take(caller_ident(request))
            services.require_broker()
            return self._retry(request, task_id)

    @extend_schema(
        operation_id="celery_retry_patch",
        summary="Retry a failed task",
        description="The same as POST (CONTRACT X30).",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={202: schemas.TaskRetried, **errors(400, 401, 403, 404, 409, 422, 500)},
        examples=[_DOWN, *DENIED],
    )
    def patch(self, request: Request, task_id: str) -> Response:
        """Launch a failed task again."""
        return self.post(request, task_id)

    @idempotent
    def _retry(self, request: Request, task_id: str) -> Response:
        old = task_by_public_id(caller(request), task_id)
        new = services.retry_as_new(old, caller=caller(request))
        logger.info("✅ Task launched: %s %s, retried from %s", new.type_name, new.public_id, old.public_id)
        return body(rendering.retried(new, old), 202)
