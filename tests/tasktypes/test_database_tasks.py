"""Typed tasks that are submitted once (CONTRACT D05, D15, X40–X42)."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from pixtasks.accounts.models import User
from pixtasks.common.errors import InvalidInput
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tasktypes.services.database_tasks import dedup_key, submit_batch, submit_once
from tests.ledger import run_all
from tests.tasktypes.conftest import Echo


def test_the_same_payload_is_one_task_with_one_more_retry(echo: Echo, ann: User, bob: User) -> None:
    first = submit_once("tests.echo", {"message": "a", "key": ""}, owner_id=ann.pk)
    second = submit_once("tests.echo", {"key": "", "message": "a"}, owner_id=ann.pk)
    other = submit_once("tests.echo", {"message": "a", "key": ""}, owner_id=bob.pk)
    assert (first.is_duplicate, second.is_duplicate, other.is_duplicate) == (False, True, False)
    assert second.task.pk == first.task.pk != other.task.pk
    assert second.task.max_retries == first.task.max_retries + 1
    assert "duplicate" in second.message


def test_equal_prefixes_are_not_duplicates() -> None:
    assert dedup_key("a", {"text": "x" * 5000}) != dedup_key("a", {"text": "x" * 5000 + "y"})
    assert dedup_key("a", {}) != dedup_key("b", {})


def test_a_duplicate_of_a_success_does_not_run_again_and_of_a_failure_does(echo: Echo, ann: User) -> None:
    good = submit_once("tests.echo", {"message": "good"}, owner_id=ann.pk).task
    bad = submit_once("tests.echo", {"message": "bad", "permanent": True}, owner_id=ann.pk).task
    run_all()
    again = submit_once("tests.echo", {"message": "good"}, owner_id=ann.pk)
    assert again.task.status == "completed"
    assert again.message.endswith("it has succeeded and does not run again")
    retried = submit_once("tests.echo", {"message": "bad", "permanent": True}, owner_id=ann.pk)
    assert (retried.task.pk, retried.task.status) == (bad.pk, "pending")
    assert retried.message.endswith("it runs again")
    assert good.pk == again.task.pk


def test_a_batch_reports_each_payload_and_inserts_the_valid_ones(echo: Echo, ann: User) -> None:
    submit_once("tests.echo", {"message": "there"}, owner_id=ann.pk)
    payloads = [{"message": "new"}, {"message": 7}, {"message": "there"}, {"message": "new"}, {"message": "newer"}]
    items = submit_batch("tests.echo", payloads, owner_id=ann.pk)
    assert [item.submitted and item.submitted.is_duplicate for item in items] == [False, None, True, True, False]
    assert items[1].errors[0].loc == ("body", 1, "payload", "message")
    assert Task.objects.count() == 3
    with pytest.raises(InvalidInput):
        submit_batch("tests.echo", payloads, owner_id=ann.pk, atomic=True)
    assert Task.objects.count() == 3


def test_a_batch_of_a_thousand_takes_some_statements_not_thousands(
    echo: Echo, ann: User, django_assert_max_num_queries: object
) -> None:
    payloads = [{"message": str(number)} for number in range(1000)]
    with django_assert_max_num_queries(70):  # type: ignore[operator]
        submit_batch("tests.echo", payloads, owner_id=ann.pk)
    with django_assert_max_num_queries(70):  # type: ignore[operator]
        items = submit_batch("tests.echo", payloads, owner_id=ann.pk)
    assert all(item.submitted is not None and item.submitted.is_duplicate for item in items)


@pytest.mark.django_db(transaction=True)
def test_the_same_payload_from_several_threads_at_once_is_one_task() -> None:
    user = User.objects.create_user("race@example.com")
    found: list[int] = []
    with handlers.temporarily(Echo()):

        def work() -> None:
            try:
                found.append(submit_once("tests.echo", {"message": "race"}, owner_id=user.pk).task.pk)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert Task.objects.get().max_retries == Echo.max_retries + 5
