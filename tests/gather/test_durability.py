"""What is durable when: after the interval, at a stop, under two runs at once; and what waiting costs."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import close_old_connections, connection

from gather.models import GatherRecord, GatherRun
from gather.services.records import records_of
from jobs.models import Image
from pixtasks.accounts.models import User
from tasktypes.handlers import LeaseLost, WorkerStopping
from tasktypes.models import BucketStart, Task, TaskEvent
from tasktypes.services.context import LeasedContext
from tasktypes.services.limits import take_starts
from tests.gather.shelf import Shelf, attempt, fresh, gather

pytestmark = pytest.mark.usefixtures("shelf")


def stop_at(monkeypatch: pytest.MonkeyPatch, iteration: int, error: type[Exception]) -> None:
    """Have the context raise when this iteration is reported without a save."""
    whole = LeasedContext.checkpoint

    def checkpoint(self: LeasedContext, **facts: Any) -> None:
        if (facts.get("progress") or {}).get("currentIteration") == iteration:
            monkeypatch.setattr(LeasedContext, "checkpoint", whole)
            raise error
        whole(self, **facts)

    monkeypatch.setattr(LeasedContext, "checkpoint", checkpoint)


def test_an_attempt_that_loses_its_lease_leaves_what_the_interval_saved_and_nothing_more(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 5, LeaseLost)
    run = attempt(gather(ann, 10, saveInterval=3))
    assert (run.completed_iterations, Image.objects.count()) == (3, 12)
    assert [one.iteration for one in records_of(run)] == [1, 2, 3]


def test_a_worker_that_stops_saves_what_is_finished_and_the_next_goes_on_after_it(
    ann: User, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 5, WorkerStopping)
    run = attempt(gather(ann, 7, saveInterval=3))
    # The test's worker does not really stop: it claims the released row again at once.
    assert TaskEvent.objects.filter(task=run.task, type="started").count() == 2
    assert (run.task.status, run.completed_iterations, run.job.images, run.task.retries) == ("completed", 7, 28, 0)
    assert shelf.asked == [("cat", None), *(("cat", str(number)) for number in range(1, 7))]


def test_starts_of_several_keys_are_taken_together_or_not_at_all(db: None, settings: Any) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"engine:one": "1/60", "engine:many": "5/60"}
    assert take_starts({"", "engine:free"}) == 0
    assert not BucketStart.objects.exists()
    assert take_starts({"engine:one", "engine:many"}) == 0
    assert 0 < take_starts({"engine:one", "engine:many"}) <= 61
    assert BucketStart.objects.filter(bucket="engine:many").count() == 1
    assert take_starts({"engine:many"}) == 0


@pytest.mark.django_db(transaction=True)
def test_two_runs_of_one_project_at_once_store_no_picture_twice(ann: User, shelf: Shelf) -> None:
    both = threading.Barrier(2, timeout=30)

    def together(keyword: str, cursor: str | None) -> None:
        if cursor is None:
            both.wait()

    shelf.before = together
    runs = [gather(ann, 5, saveInterval=2) for _ in range(2)]
    faults: list[BaseException] = []

    def work(run: GatherRun) -> None:
        try:
            attempt(run)
        except BaseException as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_old_connections()
    assert faults == []
    ended = [fresh(run) for run in runs]
    assert [run.task.status for run in ended] == ["completed", "completed"]
    digests = list(Image.objects.filter(job__project=ended[0].project).values_list("sha256", flat=True))
    assert len(digests) == len(set(digests)) == 20
    assert sum(run.job.images for run in ended) == 20
    assert sum(run.job.images + run.job.duplicates for run in ended) == 40
    assert GatherRecord.objects.count() == 10
    assert Task.objects.filter(retries__gt=0).count() == 0
