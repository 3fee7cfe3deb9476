"""Rate limits over the whole fleet: exact in any window (CONTRACT X18)."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from pixtasks.accounts.models import User
from tasktypes.handlers import Handler, handlers
from tasktypes.models import Bucket, BucketStart, Task
from tasktypes.services.claim import claim, claim_next
from tasktypes.services.limits import free_starts, limit_of
from tasktypes.services.settle import Settlement, settle
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tests.tasktypes.conftest import Echo, EchoParams

KEY = "engine:test"


@pytest.fixture(autouse=True)
def _limits(settings: Any) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"engine:*": "3/60", "engine:free": "0/60"}


def put(owner: User, count: int, key: str = KEY) -> list[Task]:
    new = [NewTask(type_name="tests.echo", parameters={"message": str(n), "key": key}) for n in range(count)]
    return submit(new, owner_id=owner.pk)


def test_the_limit_of_a_key_is_its_own_or_its_kinds() -> None:
    found = limit_of(KEY)
    assert found is not None
    assert (found.starts, found.window) == (3, timedelta(seconds=60))
    assert limit_of("engine:free") is None
    assert limit_of("") is None
    assert limit_of("validation:fast") is None


def test_a_limit_that_cannot_be_read_is_named(settings: Any) -> None:
    settings.PIXTASKS_RATE_LIMITS = {KEY: "ten"}
    with pytest.raises(ImproperlyConfigured, match="engine:test must be starts/seconds, not 'ten'"):
        limit_of(KEY)


def test_a_start_beyond_the_limit_is_denied_and_holds_no_slot_while_it_waits(echo: Echo, ann: User) -> None:
    tasks = put(ann, 4)
    for task in tasks[:3]:
        assert claim(task.pk, 0, worker="w", carrier=f"m{task.pk}") is not None
    assert claim(tasks[3].pk, 0, worker="w", carrier="m") is None
    tasks[3].refresh_from_db()
    bucket = Bucket.objects.get(pk=KEY)
    assert (tasks[3].status, tasks[3].published_at) == ("pending", None)
    assert tasks[3].due_at == bucket.next_at
    assert free_starts({KEY}) == {KEY: 0}
    assert claim_next("tests.echo", 10, worker="w", carrier="m") == []


def test_a_batch_takes_only_the_free_starts(echo: Echo, ann: User) -> None:
    put(ann, 5)
    put(ann, 2, key="engine:free")
    claimed = claim_next("tests.echo", 10, worker="w", carrier="m")
    assert sorted(row.rate_key for row in claimed) == ["engine:free"] * 2 + [KEY] * 3


class Limited(Handler[EchoParams]):
    name = "tests.limited"
    Params = EchoParams

    def rate_key(self, params: EchoParams) -> str:
        return "engine:busy"


@pytest.mark.django_db(transaction=True)
def test_no_window_ever_holds_more_than_the_limit_with_several_claimers(settings: Any) -> None:
    starts, window = 10, 0.5
    settings.PIXTASKS_RATE_LIMITS = {"engine:busy": f"{starts}/{window}"}
    with handlers.temporarily(Limited()):
        submit([NewTask(type_name="tests.limited", parameters={"message": "x"}) for _ in range(60)], owner_id=None)
        stop = time.monotonic() + 20
        claimed: list[int] = []

        def work(number: int) -> None:
            try:
                while len(claimed) < 40 and time.monotonic() < stop:
                    rows = claim_next("tests.limited", 3, worker=f"w{number}", carrier=f"m{number}")
                    claimed.extend(row.id for row in rows)
                    settle([Settlement(task_id=row.id, attempt=row.attempt, status=State.COMPLETED) for row in rows])
                    time.sleep(0.005)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(claimed) >= 40
    assert len(set(claimed)) == len(claimed)
    times = sorted(Task.objects.filter(pk__in=claimed).values_list("started_at", flat=True))
    logged = sorted(BucketStart.objects.values_list("started_at", flat=True))
    assert all(later - earlier >= timedelta(seconds=window) for earlier, later in zip(logged, logged[starts:]))  # noqa: B905
    assert all(earlier <= later for earlier, later in pairwise(times))


@pytest.mark.django_db(transaction=True)
def test_every_task_is_handed_out_exactly_once_to_claimers_that_run_at_once() -> None:
    class Plain(Handler[EchoParams]):
        name = "tests.plain"
        Params = EchoParams

    with handlers.temporarily(Plain()):
        submit([NewTask(type_name="tests.plain", parameters={"message": "x"}) for _ in range(400)], owner_id=None)
        got: list[int] = []

        def work(number: int) -> None:
            try:
                empty = 0
                while empty < 5:
                    rows = claim_next("tests.plain", 7, worker=f"w{number}", carrier=f"m{number}")
                    empty = 0 if rows else empty + 1
                    got.extend(row.id for row in rows)
                    if not rows:
                        time.sleep(0.02)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(got) == 400
    assert len(set(got)) == 400
