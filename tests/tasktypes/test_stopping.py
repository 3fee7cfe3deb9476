"""A worker that is told to stop gives back what it cannot finish, at no cost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from pixtasks.accounts.models import User
from tasktypes.handlers import Context, Handler, handlers
from tasktypes.models import TaskEvent
from tasktypes.services import stopping
from tasktypes.services.stopping import StopNotice, stop_notice
from tasktypes.services.submit import NewTask, submit
from tests.ledger import run_all, run_task
from tests.tasktypes.conftest import Echo


class NoParams(BaseModel):
    """Nothing."""


class Long(Handler[NoParams]):
    """Runs until it is told to stop, and says so after its first step."""

    name = "tests.long"
    Params = NoParams

    def run(self, params: NoParams, context: Context) -> dict[str, Any]:
        for step in range(10_000):
            context.check_cancelled()
            if step == 0:
                context.checkpoint(progress={"step": step}, state={"step": step})
                stop_notice.give()
        return {"finished": True}


@pytest.fixture(autouse=True)
def _no_notice() -> Iterator[None]:
    yield
    stop_notice.withdraw()


def test_a_long_task_goes_back_to_pending_and_costs_neither_a_retry_nor_a_crash(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "GRACE_SECONDS", 0.0)
    with handlers.temporarily(Long()):
        task = run_task(submit([NewTask(type_name="tests.long")], owner_id=ann.pk)[0])
    assert (task.status, task.retries, task.crashes) == ("pending", 0, 0)
    assert task.state == {"step": 0}
    assert TaskEvent.objects.filter(task=task).latest("seq").type == "released"


def test_within_its_grace_a_task_finishes(ann: User) -> None:
    with handlers.temporarily(Long()):
        task = run_task(submit([NewTask(type_name="tests.long")], owner_id=ann.pk)[0])
    assert (task.status, task.result) == ("completed", {"finished": True})


def test_a_stopping_worker_claims_nothing_more(echo: Echo, ann: User) -> None:
    submit([NewTask(type_name="tests.echo", parameters={"message": str(n)}) for n in range(3)], owner_id=ann.pk)
    stop_notice.give()
    assert run_all(most=1) == 1
    assert echo.ran == ["0"]


def test_a_forked_child_hears_what_its_parent_is_told() -> None:
    notice = StopNotice()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        deadline = time.monotonic() + 10
        while not notice.given and time.monotonic() < deadline:
            time.sleep(0.01)
        os.write(writer, b"heard" if notice.given else b"deaf")
        os._exit(0)
    notice.give()
    assert os.read(reader, 10) == b"heard"
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
