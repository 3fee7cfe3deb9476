"""The same body many times at once is accepted once, and progress at once never goes back (CONTRACT X46)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from gather.models import ReceivedEvent
from tasktypes.models import Task, TaskEvent
from tests.gather_incoming.conftest import deliver, document

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 8


def _all_at_once(bodies: list[dict[str, Any]]) -> list[int]:
    barrier = Barrier(len(bodies))

    def send(body: dict[str, Any]) -> int:
        try:
            barrier.wait(timeout=30)
            return int(deliver(body).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


@pytest.mark.parametrize("known", [True, False])
def test_of_eight_equal_bodies_at_once_one_is_accepted(outside: Task, known: bool) -> None:
    body = document(outside.public_id if known else "abc123-def456")
    assert sorted(_all_at_once([body] * AT_ONCE)) == [200, *[409] * (AT_ONCE - 1)]
    assert ReceivedEvent.objects.count() == 1
    assert TaskEvent.objects.filter(task=outside, type="progress").count() == int(known)


def test_of_eight_iterations_at_once_the_last_stands_and_the_history_only_rises(outside: Task) -> None:
    bodies = [document(outside.public_id, iteration=number) for number in (4, 8, 1, 6, 3, 7, 2, 5)]
    assert set(_all_at_once(bodies)) == {200}
    outside.refresh_from_db()
    assert outside.progress["currentIteration"] == 8
    lines = list(TaskEvent.objects.filter(task=outside).order_by("seq").values_list("seq", "data"))
    assert [seq for seq, _ in lines] == list(range(1, len(lines) + 1)) and len(lines) == outside.event_seq
    told = [data["currentIteration"] for _, data in lines[1:]]
    assert told == sorted(told)
