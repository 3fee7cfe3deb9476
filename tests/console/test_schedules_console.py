"""The console's page of schedules: what it tells, running now, switching, and editing checked against the handler."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from pixtasks.accounts.models import AuditEntry, User
from pixtasks.accounts.roles import Role
from tasktypes.models import ScheduledSlot, Task
from tasktypes.services.cron import parse_cron
from tasktypes.services.schedules import create_schedules, submit_scheduled
from tasktypes.services.timetable import save_schedule
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

LIST = "admin:django_celery_beat_periodictask_changelist"
SENT = {"_form_submitted": "True"}


@pytest.fixture(autouse=True)
def _rows() -> None:
    create_schedules()


@pytest.fixture
def operator() -> User:
    return make_user(is_staff=True, role=Role.OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def page(verb: str, row: PeriodicTask) -> str:
    return reverse(f"admin:django_celery_beat_periodictask_{verb}", args=[row.pk])


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "name": "greet", "description": "", "enabled": "on", "handler": "ExampleDatabaseTask",
        "parameters": json.dumps({"message": "hi", "count": 1}), "owner": "", "minute": "30", "hour": "8-18",
        "day_of_month": "*", "month_of_year": "*", "day_of_week": "mon", "zone": "Europe/Zurich",
    } | changes  # fmt: skip


def test_the_list_says_what_runs_when_and_what_came_of_it(client: Client) -> None:
    row = PeriodicTask.objects.get(name="sweep unused image files")
    made = submit_scheduled(*json.loads(row.args), **json.loads(row.kwargs))
    shown = client.get(reverse(LIST)).content.decode()
    assert "jobs.sweep_files" in shown and "41 * * * * UTC" in shown
    assert reverse("admin:tasktypes_task_change", args=[made]) in shown
    assert 'data-when="exact"' in shown
    ScheduledSlot.objects.update(slot="2026-01-01T00:00:00Z")
    assert submit_scheduled(*json.loads(row.args), **json.loads(row.kwargs)) is None
    assert "the task of its previous run" in client.get(reverse(LIST)).content.decode()


def test_the_list_asks_as_often_for_many_as_for_few(client: Client) -> None:
    def asked() -> int:
        client.get(reverse(LIST))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse(LIST)).status_code == 200
        return len(queries)

    first = PeriodicTask.objects.get(name="sweep unused image files")
    submit_scheduled(*json.loads(first.args), **json.loads(first.kwargs))
    few = asked()
    for number in range(12):
        row = save_schedule(
            None, name=f"s{number}", handler_name="ExampleDatabaseTask", parameters={"message": "hi", "count": number},
            owner=make_user(), cron=parse_cron("0 3 * * *"), enabled=True,
        )  # fmt: skip
        submit_scheduled(*json.loads(row.args), **json.loads(row.kwargs))
    assert asked() == few


def test_running_now_goes_through_the_ledger_once_and_is_audited(client: Client, operator: User) -> None:
    row = PeriodicTask.objects.get(name="sweep unused image files")
    url = page("run_this", row)
    assert client.get(url).status_code == 200
    assert not Task.objects.exists()
    assert client.post(url, SENT).headers["HX-Redirect"] == page("change", row)
    task = Task.objects.get()
    assert (task.type_name, task.metadata) == ("jobs.sweep_files", {"schedule": row.name})
    entry = AuditEntry.objects.get(action="schedule.run_now")
    assert (entry.actor, entry.origin, entry.detail["task"]) == (operator, "console", task.public_id)
    client.post(url, SENT)
    assert Task.objects.count() == 1
    assert "is still pending" in client.get(page("change", row)).content.decode()


def test_switching_off_and_on_is_audited(client: Client) -> None:
    row = PeriodicTask.objects.get(name="sweep unused image files")
    for enabled in (False, True):
        client.post(page("turn", row), SENT)
        row.refresh_from_db()
        assert row.enabled == enabled
    words = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(words) == ["schedule.paused", "schedule.resumed"]


def test_a_schedule_is_added_in_plain_fields_and_runs(client: Client, operator: User) -> None:
    owner = make_user()
    answer = client.post(reverse("admin:django_celery_beat_periodictask_add"), fields(owner=owner.email))
    assert answer.status_code == 302, answer.content.decode()
    row = PeriodicTask.objects.get(name="greet")
    assert (row.crontab.minute, row.crontab.hour, str(row.crontab.timezone)) == ("30", "8-18", "Europe/Zurich")
    made = submit_scheduled(*json.loads(row.args), **json.loads(row.kwargs))
    assert made is not None
    task = Task.objects.get(pk=made)
    assert (task.created_by, task.parameters) == (owner, {"message": "hi", "count": 1})
    entries = AuditEntry.objects.filter(action__startswith="schedule.").values_list("action", "actor")
    assert list(entries) == [("schedule.created", operator.pk)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parameters": "{"}, "This is no JSON"),
        ({"parameters": "[]"}, "Give a JSON object"),
        ({"parameters": '{"count": "x"}'}, "count"),
        ({"minute": "61"}, "minute"),
        ({"day_of_month": "31", "month_of_year": "2"}, "never due"),
        ({"zone": "Mars/Olympus"}, "is no time zone"),
        ({"owner": "nobody@example.com"}, "no active user"),
        ({"name": "sweep unused image files"}, "is another schedule&#x27;s"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(client: Client, changes: dict[str, str], said: str) -> None:
    before = PeriodicTask.objects.count()
    answer = client.post(reverse("admin:django_celery_beat_periodictask_add"), fields(**changes))
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert PeriodicTask.objects.count() == before


def test_an_edited_schedule_keeps_the_name_that_its_tasks_carry(client: Client) -> None:
    row = PeriodicTask.objects.get(name="sweep unused image files")
    assert client.get(page("change", row)).status_code == 200
    sent = fields(name="tidy up", handler="jobs.sweep_files", parameters="", minute="7", zone="UTC")
    assert client.post(page("change", row), sent).status_code == 302
    row.refresh_from_db()
    assert (row.name, json.loads(row.args)) == ("tidy up", ["sweep unused image files", "jobs.sweep_files"])
    assert row.crontab.minute == "7"
    assert sorted(AuditEntry.objects.get(action="schedule.updated").detail["changed"]) == ["name", "time"]


def test_a_schedule_of_celerys_own_keeps_its_form_and_is_not_run_by_the_ledger(client: Client) -> None:
    every = IntervalSchedule.objects.create(every=5, period="minutes")
    row = PeriodicTask.objects.create(name="foreign", task="somebody.elses", interval=every)
    assert b"expire_seconds" in client.get(page("change", row)).content
    client.post(page("run_this", row), SENT)
    assert not Task.objects.exists()
    assert "a message of Celery" in client.get(reverse(LIST)).content.decode()


def test_a_viewer_sees_the_schedules_and_moves_none() -> None:
    viewer = Client()
    viewer.force_login(make_user(is_staff=True, role=Role.VIEWER))
    row = PeriodicTask.objects.get(name="sweep unused image files")
    assert viewer.get(reverse(LIST)).status_code == 200
    assert viewer.get(page("change", row)).status_code == 200
    for verb in ("run_it", "run_this", "turn", "turn_this", "change"):
        assert viewer.post(page(verb, row), SENT | fields()).status_code == 403, verb
    row.refresh_from_db()
    assert row.enabled and not Task.objects.exists()
