"""How much was done per minute: exact in every transaction, and the same after folding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from pixtasks.accounts.models import User
from tasktypes.models import Measure, SourceFault, Task, Throughput
from tasktypes.services import throughput
from tasktypes.services.cancel import cancel_task
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tests.ledger import run_all
from tests.tasktypes.conftest import Echo

HOUR = timedelta(hours=1)


def put(owner: User, count: int, **parameters: object) -> list[Task]:
    new = [NewTask(type_name="tests.echo", parameters={"message": "x", **parameters}) for _ in range(count)]
    return submit(new, owner_id=owner.pk)


def ends() -> Counter[str]:
    """Count the ended tasks themselves."""
    return Counter(Task.objects.exclude(completed_at=None).values_list("status", flat=True))


@pytest.fixture
def sourced(echo: Echo) -> Iterator[Echo]:
    """Let the echo ask an outside source, as a crawl does."""
    echo.source = lambda parameters: "engine:tests"  # type: ignore[method-assign]
    yield echo
    del echo.source


def test_every_end_is_counted_once_in_its_minute(echo: Echo, ann: User) -> None:
    put(ann, 4)
    put(ann, 2, permanent=True)
    run_all()
    cancel_task(put(ann, 1)[0].pk)
    put(ann, 3)  # These wait.
    totals = throughput.totals(timezone.now() - HOUR)
    assert {measure.value: amount for (measure, _), amount in totals.items()} == dict(ends())
    assert ends() == {"completed": 4, "failed": 2, "cancelled": 1}
    since = throughput.floor(timezone.now() - HOUR, 1)
    figures = throughput.series(since, 1, [Measure.COMPLETED, Measure.FAILED])
    assert {len(values) for values in figures.values()} == {61}
    assert [sum(values) for values in figures.values()] == [4, 2]
    assert sum(figures[Measure.COMPLETED][-2:]) == 4, "the newest stretch is the last"


def test_an_outside_source_is_judged_by_attempts_not_by_tasks(sourced: Echo, ann: User) -> None:
    put(ann, 1, fail_times=1)
    run_all()
    assert Task.objects.get().status == State.PENDING
    Task.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    run_all()
    assert Task.objects.get().status == State.COMPLETED
    failed = put(ann, 1, permanent=True)[0]
    run_all()
    cancel_task(put(ann, 1)[0].pk)
    totals = throughput.totals(timezone.now() - HOUR)
    assert totals[Measure.ANSWERED, "engine:tests"] == 1
    assert totals[Measure.ERRED, "engine:tests"] == 2
    fault = throughput.latest_faults()["engine:tests"]
    assert fault.message == "this cannot work"
    assert fault.task_id == failed.pk


def test_folding_changes_no_sum_whatever_the_age(db: None) -> None:
    now = timezone.now()
    for age in range(0, 36 * 60, 7):
        begins_at = throughput.floor(now - timedelta(minutes=age), 1)
        Throughput.objects.bulk_create(
            [
                Throughput(begins_at=begins_at, measure=Measure.COMPLETED, amount=1 + age % 5),
                Throughput(begins_at=begins_at, measure=Measure.STORED, source="engine:a", amount=2),
                Throughput(begins_at=begins_at, measure=Measure.STORED, source="engine:b", amount=3),
            ]
            * 2
        )
    day = throughput.floor(now - timedelta(days=1), 15)
    hour = throughput.floor(now - HOUR, 1)
    measures = [Measure.COMPLETED, Measure.STORED]

    def seen() -> tuple[object, ...]:
        return (
            throughput.totals(now - timedelta(days=2)),
            throughput.series(day, 15, measures),
            throughput.series(hour, 1, measures),
        )

    before, rows = seen(), Throughput.objects.count()
    saved = throughput.fold()
    assert seen() == before
    assert Throughput.objects.count() == rows - saved
    assert not Throughput.objects.filter(span=0).exists()
    assert not Throughput.objects.filter(span=1, begins_at__lt=now - timedelta(hours=3)).exists()
    # What comes later into the same minute is folded into the row that is there.
    throughput.record({(Measure.COMPLETED, ""): 5})
    throughput.record({(Measure.COMPLETED, ""): 6})
    throughput.fold()
    minute = throughput.floor(now, 1)
    assert Throughput.objects.filter(begins_at=minute, measure=Measure.COMPLETED).count() <= 1
    assert throughput.fold() == 0
    assert throughput.totals(now - timedelta(days=2))[Measure.COMPLETED, ""] == before[0][Measure.COMPLETED, ""] + 11


def test_what_is_old_is_forgotten_and_the_newest_faults_stay(db: None) -> None:
    old = throughput.floor(timezone.now() - throughput.KEPT - HOUR, 15)
    Throughput.objects.create(begins_at=old, span=15, measure=Measure.FAILED, amount=1)
    throughput.record({(Measure.FAILED, ""): 1})
    throughput.note_faults([("engine:a", f"a{number}", None) for number in range(50)] + [("engine:b", "b\x00", None)])
    assert throughput.forget() == 1 + 30
    assert Throughput.objects.count() == 1
    assert list(SourceFault.objects.filter(source="engine:a").order_by("id").values_list("message", flat=True)) == [
        f"a{number}" for number in range(30, 50)
    ]
    assert {source: fault.message for source, fault in throughput.latest_faults().items()} == {
        "engine:a": "a49",
        "engine:b": "b",
    }


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_counted(echo: Echo) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
        throughput.record({(Measure.STORED, "engine:a"): 7})
        raise RuntimeError
    assert throughput.totals(timezone.now() - HOUR) == {}
