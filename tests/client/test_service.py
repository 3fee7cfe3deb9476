"""The client against the product itself, served over HTTP (CONTRACT G38, G40, X45)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as live
from pytest_django import Settings

from gather.client import (
    AsyncTaskService,
    AuthenticationFailed,
    Forbidden,
    InvalidRequest,
    NotFound,
    TaskService,
    TaskState,
)
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tests import factories
from tests.accounts.factories import make_key
from tests.ledger import run_all

pytestmark = pytest.mark.django_db(transaction=True)
PAYLOAD = {"message": "this", "count": 2}


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    """The static files' middleware warns where the folder of collected files is missing, and warnings are errors."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def ann(db: None) -> User:
    return factories.user()


@pytest.fixture
def key(ann: User) -> str:
    return make_key(ann)[1]


def test_submit_look_wait_and_the_same_payload_again(live_server: Any, key: str, ann: User) -> None:
    with TaskService(live_server.url, key) as tasks:
        task = tasks.submit_task("ExampleDatabaseTask", PAYLOAD)
        assert (task.task_name, task.task_payload, task.status, task.is_duplicate) == (
            "ExampleDatabaseTask", PAYLOAD, "not_started", False
        )  # fmt: skip
        assert task.created_at.utcoffset() is not None and not task.ended and not task.running
        assert Task.objects.get(pk=task.id).created_by == ann
        assert tasks.get_task_status(task.id).status == "not_started"
        run_all()
        done = tasks.wait(task.id, timeout=0)
        assert done.succeeded and done.result["said"] == ["this", "this"]
        again = tasks.submit_task("ExampleDatabaseTask", PAYLOAD)
        assert (again.id, again.is_duplicate, again.max_retries) == (task.id, True, task.max_retries + 1)
        assert "duplicate" in again.message


def test_cancel_a_task(live_server: Any, key: str) -> None:
    with TaskService(live_server.url, key) as tasks:
        task = tasks.submit_task("ExampleDatabaseTask", PAYLOAD)
        cancelled = tasks.cancel_task(str(task.id))
        assert cancelled.cancelled and cancelled.ended and not cancelled.succeeded
        assert tasks.cancel_task(task.id) == cancelled
        assert tasks.wait(task.id) == cancelled


def test_every_error_has_a_class_of_its_own(live_server: Any, key: str) -> None:
    stranger = make_key(factories.user())[1]
    with TaskService(live_server.url, key) as tasks:
        mine = tasks.submit_task("ExampleDatabaseTask", PAYLOAD).id
        with pytest.raises(NotFound, match="Task 4040404 not found"):
            tasks.get_task_status(4040404)
        with pytest.raises(InvalidRequest) as invalid:
            tasks.submit_task("ExampleDatabaseTask", {"message": "this", "count": "many"})
        (fault,) = invalid.value.errors
        assert (fault.loc, fault.type) == (("body", "payload", "count"), "type_error.integer")
        with pytest.raises(InvalidRequest, match="permitted: "):
            tasks.submit_task("no such handler?", PAYLOAD)
    with pytest.raises(AuthenticationFailed, match="not valid"):
        TaskService(live_server.url, "wrong.key").get_task_status(mine)
    with pytest.raises(Forbidden, match="Access denied"):
        TaskService(live_server.url, stranger).cancel_task(mine)


def test_a_missing_key_is_an_error_only_where_the_anonymous_api_is_off(live_server: Any, settings: Settings) -> None:
    with TaskService(live_server.url, "") as tasks:
        assert tasks.submit_task("ExampleDatabaseTask", PAYLOAD).id
        settings.PIXTASKS_ANONYMOUS_API = False
        with pytest.raises(AuthenticationFailed):
            tasks.submit_task("ExampleDatabaseTask", PAYLOAD)


def test_asyncio_submits_looks_and_cancels_many_at_once(live_server: Any, key: str) -> None:
    async def work() -> list[TaskState]:
        async with AsyncTaskService(live_server.url, key) as tasks:
            made = await asyncio.gather(
                *(tasks.submit_task("ExampleDatabaseTask", {"message": "this", "count": n}) for n in range(1, 5))
            )
            await asyncio.gather(*(tasks.cancel_task(task.id) for task in made))
            return list(await asyncio.gather(*(tasks.wait(task.id) for task in made)))

    ended = asyncio.run(work())
    assert len({task.id for task in ended}) == 4 and all(task.cancelled for task in ended)


def test_address_and_key_come_from_the_environment_or_from_files(
    live_server: Any, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(f"{key}\n")
    monkeypatch.setenv("TASKS_API_URL", f"{live_server.url}/")
    monkeypatch.setenv("TASK_API_KEY_FILE", str(tmp_path / "key"))
    with TaskService() as tasks:
        assert tasks.submit_task("ExampleDatabaseTask", PAYLOAD).id


def test_within_the_product_its_settings_count_where_the_environment_says_nothing(
    live_server: Any, key: str, settings: Settings
) -> None:
    settings.TASKS_API_URL, settings.TASK_API_KEY = live_server.url, key
    with TaskService() as tasks:
        assert tasks.submit_task("ExampleDatabaseTask", PAYLOAD).id


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://localhost", "http://", "http://user:secret@localhost"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a task service"):
        TaskService(address)


def test_another_program_needs_no_django(live_server: Any, key: str) -> None:
    program = (
        "import sys\n"
        "from gather.client import TaskService\n"
        "with TaskService() as tasks:\n"
        "    print(tasks.submit_task('ExampleDatabaseTask', {'message': 'from outside', 'count': 1}).id)\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'django', 'rest_framework', 'pydantic', 'celery', 'tasktypes', 'jobs'}, loaded\n"
    )
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=live.BASE_DIR,
        env={**kept, "TASKS_API_URL": live_server.url, "TASK_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert Task.objects.get(pk=int(done.stdout)).parameters["message"] == "from outside"


def test_a_program_that_names_no_address_is_told_to() -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    program = "from gather.client import TaskService\nTaskService()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=live.BASE_DIR, env=kept, capture_output=True, text=True, timeout=60
    )
    assert "set TASKS_API_URL, or give base_url" in done.stderr
