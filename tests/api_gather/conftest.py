"""What the tests of dialect G share: callers, and runs as far as a test wants them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from gather.models import GatherRecord, GatherRun
from gather.params import GatherOptions
from gather.services import runs
from pixtasks.accounts.models import User
from tasktypes.services.claim import claim
from tasktypes.services.context import LeasedContext
from tasktypes.services.settle import Settlement, settle
from tasktypes.states import State
from tests import factories

BASE = "/api/v1/automated-gather"
START = f"{BASE}/start"
BODY: dict[str, Any] = {"projectId": "my-project", "gatherCount": 10}


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    """The static files' middleware warns where the folder of collected files is missing, and warnings are errors."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def api(db: None) -> APIClient:
    """A caller without credentials: ``local`` (CONTRACT X07)."""
    return APIClient()


@pytest.fixture
def ann(db: None) -> User:
    """A user without special rights."""
    return factories.user()


@pytest.fixture
def ann_client(ann: User) -> APIClient:
    """Ann's client."""
    return factories.client_of(ann)


@pytest.fixture
def bob_client(db: None) -> APIClient:
    """The client of another user."""
    return factories.client_of(factories.user())


@pytest.fixture
def limit(settings: Settings) -> Callable[[str], None]:
    """A function that sets the rate of starts."""

    def to(rate: str) -> None:
        rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "start_gather": rate}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
        cache.clear()

    return to


def start(client: APIClient, body: Any = BODY, **headers: str) -> Any:
    """Start a run over HTTP and return the answer."""
    return client.post(START, body, format="json", headers=headers)


def a_run(owner: User, *, project_id: str = "my-project", gather_count: int = 10, **options: Any) -> GatherRun:
    """Start a run by the service."""
    return runs.start(caller=owner, project_id=project_id, gather_count=gather_count, options=GatherOptions(**options))


def running(run: GatherRun, iteration: int | None = None) -> LeasedContext:
    """Let a worker claim the run and, with a number, report that so many iterations are finished."""
    task = run.task
    task.refresh_from_db()
    claimed = claim(task.pk, task.attempt, worker="tests", carrier=f"gather-{task.pk}-{task.attempt}")
    assert claimed is not None
    context = LeasedContext(claimed, time_limit=60)
    if iteration is not None:
        report(context, run, iteration)
    return context


def report(context: LeasedContext, run: GatherRun, iteration: int, **more: Any) -> None:
    """Report a finished iteration, as the handler does."""
    context.checkpoint(
        progress={
            "currentIteration": iteration,
            "totalIterations": run.gather_count,
            "percentage": 100 * iteration // run.gather_count,
            "message": f"Processing iteration {iteration} of {run.gather_count}",
            **more,
        }
    )


def end(context: LeasedContext, state: State, *, result: Any = None, error: str | None = None) -> None:
    """Settle the run's task."""
    task = context.task
    assert settle([Settlement(task_id=task.id, attempt=task.attempt, status=state, result=result, error_message=error)])


def record(run: GatherRun, iteration: int, images: int = 0, **fields: Any) -> GatherRecord:
    """Save what an iteration left: so many images, and the record of them."""
    rows = [factories.image(run.job) for _ in range(images)]
    GatherRun.objects.filter(pk=run.pk).update(completed_iterations=iteration)
    return GatherRecord.objects.create(
        run=run,
        iteration=iteration,
        images=images,
        first_image_id=rows[0].pk if rows else None,
        last_image_id=rows[-1].pk if rows else None,
        **{"seconds": 30.0, "created_at": timezone.now(), **fields},
    )


def refused(response: Any, status: int, word: str) -> str:
    """Check that an answer is an error of dialect G and nothing beside (CONTRACT G36); return its message."""
    body = response.json()
    assert (response.status_code, body["error"], body["statusCode"]) == (status, word, status), response.content
    assert set(body) - {"details"} == {"error", "message", "statusCode"}
    assert isinstance(body["message"], str) and body["message"]
    return str(body["message"])
