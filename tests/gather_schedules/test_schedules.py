"""Gathers by the clock: one run per slot, one at a time, and nobody's edit overwritten."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from gather.models import GatherRun
from gather.services import schedules
from gather.services.schedules import schedule_gather
from jobs.models import Project
from jobs.services.projects import delete_project
from pixtasks.accounts.models import AuditEntry
from pixtasks.celery import app
from pixtasks.common.errors import Conflict, InvalidInput, NotFound, RuleViolation
from tasktypes.models import ScheduledSlot, Task
from tasktypes.services.schedules import SUBMIT_SCHEDULED, submit_scheduled
from tasktypes.states import State
from tests import factories
from tests.gather_schedules.conftest import Tick

pytestmark = pytest.mark.django_db
NAME = "gather: office-machines"


def actions() -> list[str]:
    return list(
        AuditEntry.objects.filter(action__startswith="schedule.").order_by("id").values_list("action", flat=True)
    )


def test_a_schedule_is_created_by_name_and_audited(project: Project) -> None:
    staff = factories.user(is_staff=True)
    done = schedule_gather(project, cron="0 3 * * 1", count=10, actor=staff, address="203.0.113.9")
    assert (done.outcome, done.row.name, done.row.task, done.row.queue) == (
        "created",
        NAME,
        SUBMIT_SCHEDULED,
        "default",
    )
    assert json.loads(done.row.args) == [NAME, "automated_gather"]
    kwargs = json.loads(done.row.kwargs)
    assert (kwargs["owner_id"], kwargs["parameters"]["gatherCount"]) == (project.owner_id, 10)
    entry = AuditEntry.objects.get(action="schedule.created")
    assert (entry.actor, entry.object_id, entry.address) == (staff, str(done.row.pk), "203.0.113.9")


def test_a_slot_that_is_due_becomes_one_run_of_the_projects_owner(project: Project, row: PeriodicTask) -> None:
    kwargs = json.loads(row.kwargs)
    ids = [submit_scheduled(NAME, "automated_gather", **kwargs) for _ in range(2)]
    assert ids[1] is None
    run = GatherRun.objects.get()
    assert (run.task_id, run.schedule, run.project, run.gather_count) == (ids[0], NAME, project, 2)
    assert (run.task.created_by, run.task.metadata["schedule"]) == (project.owner, NAME)


def test_the_schedulers_message_submits_it(row: PeriodicTask) -> None:
    """What beat sends is run by the very Celery task, arguments as they stand in its table."""
    task = app.tasks[SUBMIT_SCHEDULED]
    task_id = task.apply(args=json.loads(row.args), kwargs=json.loads(row.kwargs)).get()
    assert GatherRun.objects.get().task_id == task_id


def test_it_is_skipped_while_its_previous_run_is_unfinished(row: PeriodicTask, tick: Tick) -> None:
    first = tick(row)
    assert tick(row) is None
    assert GatherRun.objects.count() == 1
    entry = AuditEntry.objects.get(action="schedule.skipped")
    assert (entry.object_id, "still pending" in entry.detail["reason"]) == (str(row.pk), True)
    assert schedules.schedules()[0].last.startswith("skipped: the task of its previous run")
    factories.end(Task.objects.get(pk=first), State.FAILED)
    assert tick(row) is not None
    assert GatherRun.objects.count() == 2
    assert schedules.schedules()[0].last == "pending, 0 of 2"


def test_somebody_elses_task_that_claims_the_name_holds_nothing_up(row: PeriodicTask, tick: Tick) -> None:
    task_id = tick(row)
    Task.objects.filter(pk=task_id).update(created_by=factories.user())
    assert tick(row) is not None


def test_two_schedules_of_a_project_do_not_hold_each_other_up(project: Project, row: PeriodicTask, tick: Tick) -> None:
    other = schedule_gather(project, cron="0 4 * * *", count=1, name="nightly").row
    assert tick(row) is not None
    assert tick(other) is not None
    assert {run.schedule for run in GatherRun.objects.all()} == {NAME, "nightly"}


def test_an_owner_who_was_switched_off_gets_no_runs(project: Project, row: PeriodicTask, tick: Tick) -> None:
    project.owner.is_active = False
    project.owner.save()
    assert tick(row) is None
    assert not GatherRun.objects.exists()
    assert "switched off" in schedules.schedules()[0].last


def test_an_engine_that_is_gone_is_told_and_nothing_is_left_behind(row: PeriodicTask, tick: Tick) -> None:
    kwargs = json.loads(row.kwargs)
    kwargs["parameters"]["options"]["engines"] = ["nowhere"]
    PeriodicTask.objects.filter(pk=row.pk).update(kwargs=json.dumps(kwargs))
    row.refresh_from_db()
    assert tick(row) is None
    assert not Task.objects.exists()
    assert actions()[-1] == "schedule.refused"
    assert "nowhere" in schedules.schedules()[0].last


def test_parameters_that_an_operator_broke_are_told(row: PeriodicTask, tick: Tick) -> None:
    row.kwargs = json.dumps({"parameters": {"projectId": "office-machines"}, "owner_id": 1})
    row.save()
    assert tick(row) is None
    row.kwargs = row.kwargs.replace('"owner_id": 1', f'"owner_id": {Project.objects.get().owner_id}')
    assert tick(row) is None
    assert actions()[-2:] == ["schedule.refused", "schedule.refused"]


def test_a_project_takes_its_schedules_with_it_and_is_not_made_anew(
    project: Project, row: PeriodicTask, tick: Tick
) -> None:
    delete_project(project)
    assert not PeriodicTask.objects.filter(pk=row.pk).exists()
    assert tick(row) is None, "its message may have waited for a worker"
    assert not Project.objects.exists()


def test_the_same_again_changes_nothing(project: Project, row: PeriodicTask) -> None:
    again = schedule_gather(project, cron="0 3 * * MON", count=2, options={"engines": ["sample"]})
    assert (again.outcome, again.row.pk) == ("unchanged", row.pk)
    assert actions() == ["schedule.created"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cron": "0 4 * * mon"}, "cron 0 3 \\* \\* mon, not 0 4 \\* \\* mon"),
        ({"count": 3}, "count 2, not 3"),
        ({"timezone": "Europe/Zurich"}, "time zone UTC, not Europe/Zurich"),
        ({"options": {"engines": ["sample"], "saveInterval": 7}}, "saveInterval 5, not 7"),
        ({"options": {}}, 'engines \\["sample"\\], not null'),
    ],
)
def test_other_values_are_named_and_only_an_update_brings_them(
    project: Project, row: PeriodicTask, values: dict[str, Any], words: str
) -> None:
    wanted: dict[str, Any] = {"cron": "0 3 * * mon", "count": 2, "options": {"engines": ["sample"]}, **values}
    before = PeriodicTask.objects.filter(pk=row.pk).values().get()
    with pytest.raises(Conflict, match=words):
        schedule_gather(project, **wanted)
    assert PeriodicTask.objects.filter(pk=row.pk).values().get() == before
    assert schedule_gather(project, **wanted, update=True).outcome == "updated"
    assert schedule_gather(project, **wanted).outcome == "unchanged"


def test_an_operators_edit_stays_until_an_update_is_asked_for(project: Project, row: PeriodicTask) -> None:
    every = IntervalSchedule.objects.create(every=2, period="hours")
    row.crontab, row.interval, row.enabled, row.name = None, every, False, "renamed by hand"
    row.save()
    with pytest.raises(Conflict, match="every 2 hours"):
        schedule_gather(project, cron="0 3 * * mon", count=2, options={"engines": ["sample"]})
    (shown,) = schedules.schedules()
    assert (shown.name, shown.words, shown.next_times) == (NAME, "every 2 hours", [])
    updated = schedule_gather(project, cron="0 3 * * mon", count=2, options={"engines": ["sample"]}, update=True)
    assert (updated.row.pk, updated.row.interval, updated.row.enabled) == (row.pk, None, False)


def test_a_name_that_is_another_schedules_is_refused(project: Project, row: PeriodicTask) -> None:
    other = factories.project(name="Boats")
    with pytest.raises(Conflict, match="not one of this project"):
        schedule_gather(other, cron="0 3 * * *", count=1, name=NAME)
    when = CrontabSchedule.objects.create()
    PeriodicTask.objects.create(name="theirs", task="x", crontab=when)
    with pytest.raises(Conflict, match="another schedule's"):
        schedule_gather(other, cron="0 3 * * *", count=1, name="theirs")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"count": 0}, "gatherCount must be between 1 and 100"),
        ({"options": {"saveInterval": 51}}, "saveInterval must be between 1 and 50"),
        ({"options": {"colour": "red"}}, "extra fields"),
        ({"cron": "0 25 * * *"}, "hour"),
        ({"timezone": "Nowhere"}, "no time zone"),
        ({"name": " "}, "a name"),
        ({"name": "x" * 201}, "a name"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_scheduled(project: Project, values: dict[str, Any], words: str) -> None:
    before = PeriodicTask.objects.count()
    with pytest.raises(InvalidInput, match=words):
        schedule_gather(project, **{"cron": "0 3 * * *", "count": 1, **values})
    assert PeriodicTask.objects.count() == before


def test_an_engine_that_cannot_be_used_is_refused_at_once(project: Project) -> None:
    with pytest.raises(RuleViolation, match="nowhere"):
        schedule_gather(project, cron="0 3 * * *", count=1, options={"engines": ["nowhere"]})


def test_a_project_with_a_very_long_slug_has_a_name_that_fits() -> None:
    project = factories.project(slug="a" * 200)
    done = schedule_gather(project, cron="0 3 * * *", count=1)
    assert done.row.name == f"gather: project {project.pk}"


def test_it_is_paused_resumed_and_removed(row: PeriodicTask) -> None:
    assert (schedules.pause(NAME), schedules.pause(NAME)) == (True, False)
    assert not PeriodicTask.objects.get(pk=row.pk).enabled
    assert schedules.schedules()[0].next_times == []
    assert (schedules.resume(NAME), schedules.resume(NAME)) == (True, False)
    assert len(schedules.schedules()[0].next_times) == 3
    schedules.remove(NAME)
    with pytest.raises(NotFound, match="there is none"):
        schedules.pause(NAME)
    assert actions() == ["schedule.created", "schedule.paused", "schedule.resumed", "schedule.removed"]


def test_a_longer_list_asks_the_database_no_more_often(row: PeriodicTask, tick: Tick) -> None:
    counts = []
    for number in range(3):
        project = factories.project(name=f"Number {number}")
        made = schedule_gather(project, cron="0 3 * * *", count=1).row
        tick(made)
        tick(made)
        with CaptureQueriesContext(connection) as queries:
            assert len(schedules.schedules()) == number + 2
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_any_handler_with_parameters_can_be_scheduled_for_an_owner() -> None:
    owner = factories.user()
    when = CrontabSchedule.objects.create()
    parameters = {"message": "by the clock", "count": 1}
    PeriodicTask.objects.create(
        name="hello",
        task=SUBMIT_SCHEDULED,
        args='["hello", "ExampleDatabaseTask"]',
        kwargs=json.dumps({"parameters": parameters, "owner_id": owner.pk}),
        crontab=when,
    )
    task = Task.objects.get(pk=submit_scheduled("hello", "ExampleDatabaseTask", parameters, owner.pk))
    assert (task.created_by, task.parameters, task.metadata) == (owner, parameters, {"schedule": "hello"})


def test_the_products_own_schedules_go_on_as_before() -> None:
    task_id = submit_scheduled("ledger housekeeping", "tasktypes.housekeeping")
    assert Task.objects.get(pk=task_id).created_by is None
    assert ScheduledSlot.objects.filter(name="ledger housekeeping").count() == 1
