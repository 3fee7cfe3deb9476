"""Counts of tasks that are exact without counting (CONTRACT X04)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count

from pixtasks.accounts.models import User
from pixtasks.common.sql import database_now
from tasktypes.models import TallyDelta, Task
from tasktypes.services import tally
from tasktypes.services.cancel import cancel_group, cancel_task
from tasktypes.services.claim import claim
from tasktypes.services.retry import reopen
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.services.sweep import sweep_lost
from tasktypes.services.update import delete_groups
from tasktypes.states import State
from tests.ledger import run_all
from tests.tasktypes.conftest import Echo


def put(owner: User, count: int, **fields: Any) -> list[Task]:
    parameters = {"message": "x", **fields.pop("parameters", {})}
    group = fields.pop("group", None)
    new = [NewTask(type_name="tests.echo", parameters=parameters, **fields) for _ in range(count)]
    return submit(new, owner_id=owner.pk, group=group)


def check() -> None:
    """Compare the tally with a real count of every owner, type and status."""
    counted = {
        (owner, name, status): number
        for owner, name, status, number in Task.objects.order_by()
        .values_list("created_by_id", "type_name", "status")
        .annotate(number=Count("id"))
    }
    for owner in {owner for owner, _, _ in counted}:
        by_type = tally.counts_by_type(owner_id=owner)
        kept = {
            (owner, name, state.value): number
            for name, states in by_type.items()
            for state, number in states.items()
            if number
        }
        assert kept == {key: number for key, number in counted.items() if key[0] == owner}
    assert sum(tally.counts().values()) == Task.objects.count()


def test_every_transition_is_counted(echo: Echo, ann: User, bob: User) -> None:
    put(ann, 5)
    put(bob, 3, parameters={"permanent": True})
    check()
    run_all()
    check()
    assert tally.counts(owner_id=ann.pk)[State.COMPLETED] == 5
    assert tally.counts(owner_id=bob.pk)[State.FAILED] == 3
    reopen(list(Task.objects.filter(created_by=bob).values_list("pk", flat=True)))
    check()
    group = create_group("test")
    tasks = put(ann, 3, group=group)
    claim(tasks[0].pk, 0, worker="w", carrier="c")
    check()
    cancel_group(group.pk)
    check()
    Task.objects.filter(pk=tasks[0].pk).update(lease_expires_at=database_now() - timedelta(seconds=1))
    sweep_lost()
    check()
    first = put(ann, 1, parameters={"permanent": True}, priority=1)[0]
    put(ann, 1, depends_on=[first.pk])
    lost = put(ann, 1)[0]
    cancel_task(lost.pk)
    run_all()
    check()
    delete_groups([group.pk])
    check()


def test_folding_changes_no_sum_and_keeps_the_table_small(echo: Echo, ann: User) -> None:
    for _ in range(60):
        put(ann, 1)
    run_all()
    before = tally.counts(owner_id=ann.pk)
    rows = TallyDelta.objects.count()
    saved = tally.fold()
    assert saved > 0
    assert TallyDelta.objects.count() == rows - saved <= 3
    assert tally.counts(owner_id=ann.pk) == before
    assert tally.fold() == 0
    check()


def test_a_count_reads_no_task(echo: Echo, ann: User, django_assert_num_queries: Any) -> None:
    put(ann, 20)
    with django_assert_num_queries(1) as captured:
        tally.counts(owner_id=ann.pk, type_name="tests.echo")
    assert "task_list" not in captured.captured_queries[0]["sql"]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_counted(echo: Echo) -> None:
    from django.db import transaction

    user = User.objects.create_user("rolled@example.com")
    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
        put(user, 2)
        raise RuntimeError
    assert sum(tally.counts(owner_id=user.pk).values()) == 0
