"""What a worker does with a message: claim, run, settle, go on with the next, return."""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from pydantic import ValidationError

from pixtasks.common.trouble import is_passing
from tasktypes.handlers import (
    Claimed,
    Handler,
    LeaseLost,
    PermanentFailure,
    Postponed,
    TaskCancelled,
    WorkerStopping,
    handlers,
)
from tasktypes.services.claim import claim, claim_next
from tasktypes.services.context import Heartbeat, LeasedContext
from tasktypes.services.dispatch import DRAIN_SECONDS, dispatch_quietly
from tasktypes.services.settle import Cause, Settlement, failure_of, settle
from tasktypes.services.stopping import stop_notice
from tasktypes.states import State

logger = logging.getLogger(__name__)

_SETTLE_TRIES = 6


def run_message(type_name: str, task_id: int, attempt: int, *, worker: str, carrier: str) -> int:
    """Run the row that a message names, then further rows of the same handler for about a second.

    Args:
        type_name: the handler's name, which is also the Celery task's.
        task_id: the row.
        attempt: the attempt the message expects.
        worker: the node's name.
        carrier: the message's id.

    Returns:
        How many rows were run; 0 where the ledger says there is nothing to do.
    """
    handler = handlers[type_name]
    first = claim(task_id, attempt, worker=worker, carrier=carrier)
    if first is None:
        return 0
    done = 0
    batch = [first]
    # A line for each task would cost rows of milliseconds more than their work does.
    level = logging.INFO if handler.batch == 1 else logging.DEBUG
    drained_at = time.monotonic() + DRAIN_SECONDS
    with Heartbeat() as heartbeat:
        while batch:
            logger.log(level, "Found %d eligible '%s' tasks", len(batch), type_name)
            _run_batch(handler, batch, heartbeat, level)
            done += len(batch)
            if time.monotonic() >= drained_at or stop_notice.given:
                break
            batch = claim_next(type_name, handler.batch, worker=worker, carrier=carrier)
    dispatch_quietly()
    return done


def _run_batch(handler: Handler[Any], batch: list[Claimed], heartbeat: Heartbeat, level: int) -> None:
    contexts = [LeasedContext(task, time_limit=handler.time_limit) for task in batch]
    heartbeat.hold(contexts)
    settlements = [ended for context in contexts if (ended := run_one(handler, context)) is not None]
    accepted = settle_patiently(settlements)
    if logger.isEnabledFor(level):
        for ended in settlements:
            if ended.status == State.COMPLETED and ended.task_id in accepted:
                logger.log(level, "Completed task %d successfully", ended.task_id)
    heartbeat.hold([])


def run_one(handler: Handler[Any], context: LeasedContext) -> Settlement | None:
    """Run one claimed task and say how it ended; None when its lease was lost, and somebody else decides."""
    task = context.task
    try:
        params = handler.Params.model_validate(task.parameters)
        result = handler.run(params, context)
    except LeaseLost:
        logger.warning("task %s: attempt %d lost its lease", task.public_id, task.attempt)
        return None
    except TaskCancelled:
        return Settlement(task_id=task.id, attempt=task.attempt, status=State.CANCELLED)
    except WorkerStopping:
        return Settlement(task_id=task.id, attempt=task.attempt, status=State.PENDING, cause=Cause.STOPPING)
    except Postponed as wait:
        return Settlement(
            task_id=task.id,
            attempt=task.attempt,
            status=State.PENDING,
            delay=wait.seconds,
            error_message=wait.reason or None,
            cause=Cause.POSTPONED,
        )
    except ValidationError as error:
        return failure_of(task, f"Parameters are not valid: {error}", "", permanent=True)
    except PermanentFailure as error:
        return failure_of(task, str(error), traceback.format_exc(), permanent=True)
    except Exception as error:
        if is_passing(error):
            logger.warning("task %s waits, attempt %d: %s", task.public_id, task.attempt, error)
            return Settlement(
                task_id=task.id,
                attempt=task.attempt,
                status=State.PENDING,
                delay=settings.PIXTASKS_TROUBLE_WAIT_SECONDS,
                error_message=f"{type(error).__name__}: {error}",
                cause=Cause.POSTPONED,
            )
        logger.exception("task %s failed in attempt %d", task.public_id, task.attempt)
        return failure_of(task, f"{type(error).__name__}: {error}", traceback.format_exc(), permanent=False)
    return Settlement(task_id=task.id, attempt=task.attempt, status=State.COMPLETED, result=result or {})


def settle_patiently(settlements: list[Settlement]) -> set[int]:
    """Settle, waiting out a database that is down for some seconds rather than throwing finished work away.

    Returns:
        The ids whose settlement was accepted.
    """
    if not settlements:
        return set()
    for attempt in range(_SETTLE_TRIES):
        try:
            return settle(settlements)
        except (OperationalError, InterfaceError) as error:
            if attempt == _SETTLE_TRIES - 1:
                raise
            logger.warning("settling put off: %s", error)
            connection.close()
            close_old_connections()
            time.sleep(0.5 * 2**attempt)
    return set()
