"""The console's first page: what it says of known work, to whom, and at what cost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from jobs.handlers import SweepFiles
from jobs.models import Project
from pixtasks.accounts.models import User
from pixtasks.accounts.roles import Role
from pixtasks.console.dashboard import charts, flow, upkeep, work
from pixtasks.console.dashboard.panels import PANELS
from pixtasks.doctor.handler import Doctor
from tasktypes.models import Measure, Process, Task, Throughput, Worker
from tasktypes.models.process import Role as ProcessRole
from tasktypes.services import throughput
from tasktypes.services.oldest import oldest_waiting
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tests import factories
from tests.ledger import live_worker

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
NAMES = tuple(PANELS)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss() -> User:
    return factories.user(email="boss@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def client(boss: User) -> Client:
    return client_of(boss)


def shown(client: Client, panel: str = "") -> str:
    """Return the page, or one of its panels."""
    url = reverse("console_dashboard_panel", args=[panel]) if panel else reverse("admin:index")
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def ended(type_name: str, result: dict[str, Any]) -> Task:
    """Insert a task of the product that has ended with a result."""
    task = submit([NewTask(type_name=type_name)], owner_id=None)[0]
    now = timezone.now()
    Task.objects.filter(pk=task.pk).update(
        status=State.COMPLETED, result=result, started_at=now, completed_at=now, due_at=None
    )
    return task


def process(role: ProcessRole) -> None:
    now = timezone.now()
    Process.objects.create(name=f"{role.value}@tests", role=role, pid=1, started_at=now, heartbeat_at=now)


def test_an_empty_installation_says_what_to_do_first(client: Client) -> None:
    page = shown(client)
    assert "Three things to do first" in page
    for route in ("jobs_project", "jobs_crawljob", "accounts_apikey"):
        assert reverse(f"admin:{route}_add") in page
    for panel in NAMES:
        assert f'data-live="{reverse("console_dashboard_panel", args=[panel])}"' in page
    assert "No worker: nothing runs" in page
    assert "No dispatcher" in page
    assert "Nothing runs at the moment." in page
    assert "The hourly examination has not run yet." in page
    factories.project()
    page = shown(client)
    assert page.count("px-step-done") == 1
    assert reverse("admin:jobs_project_add") not in page
    factories.job(Project.objects.get())
    assert "Three things to do first" not in shown(client)


def test_what_runs_waits_and_failed_stands_there_with_links(client: Client) -> None:
    live_worker(slots=3)
    Worker.objects.update(memory=123_000_000)
    process(ProcessRole.DISPATCHER)
    job = factories.started_job(keywords=["red fox", "owl", "pine", "moss"], max_images=50)
    tasks = factories.tasks_of(job)
    factories.report(tasks[0], images=20)
    Task.objects.filter(pk=tasks[0].pk).update(worker="worker@tests")
    factories.end(tasks[1], State.FAILED, error="the engine said no")
    factories.end(tasks[2], images=5)
    summary, rows = shown(client, "summary"), shown(client, "work")
    assert 'id="stat-running">1</span>' in summary
    assert 'id="stat-queued">1</span>' in summary
    assert "1 of 3 slots busy" in summary
    assert "1 worker" in summary
    assert 'data-colour="success">Dispatcher' in summary
    assert "No scheduler" in summary
    assert reverse("admin:tasktypes_task_change", args=[tasks[3].pk]) in summary, "the oldest that waits"
    assert f'href="{reverse("admin:tasktypes_task_changelist")}?status=failed">1</a>' in summary
    assert "red fox × urls" in rows
    assert "20 / 50" in rows
    assert "the engine said no" in rows
    assert reverse("admin:tasktypes_task_change", args=[tasks[1].pk]) in rows
    assert "worker@tests" in rows
    assert "123.0" in rows or "117.3" in rows
    assert "jobs.download_images" in rows
    here = work.staff()
    assert [(worker.name, worker.busy, [task.id for task in worker.tasks]) for worker in here.workers] == [
        ("worker@tests", 1, [tasks[0].pk])
    ]


def test_a_silent_worker_is_told_from_one_that_lives(client: Client) -> None:
    live_worker(name="here@tests")
    live_worker(name="gone@tests")
    live_worker(name="stopped@tests")
    Worker.objects.filter(name="gone@tests").update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    Worker.objects.filter(name="stopped@tests").update(stopped_at=timezone.now())
    assert [(worker.name, worker.alive) for worker in work.staff().workers] == [
        ("here@tests", True),
        ("gone@tests", False),
    ]
    rows = shown(client, "work")
    assert "last heard" in rows
    assert "stopped@tests" not in rows


def test_throughput_is_shown_per_minute_and_agrees_with_what_was_done(client: Client) -> None:
    job = factories.started_job(keywords=["a", "b", "c"])
    for task in factories.tasks_of(job)[:2]:
        factories.end(task, images=1)
    factories.end(factories.tasks_of(job)[2], State.FAILED, error="no")
    old = throughput.floor(timezone.now() - timedelta(hours=5), 15)
    Throughput.objects.create(begins_at=old, span=15, measure=Measure.STORED, source="engine:urls", amount=300)
    rates = flow.Rates(*flow.last_hour(), *flow.last_day())
    assert [sum(strand.values) for strand in rates.tasks_hour.strands] == [2, 1]
    assert [sum(strand.values) for strand in rates.tasks_day.strands] == [2, 1]
    assert rates.images_hour.total == 0
    assert rates.images_day.total == 300
    assert rates.images_day.peak == 20
    assert len(rates.images_hour.sums) == 61
    assert len(rates.images_day.sums) == 97
    page = shown(client, "throughput")
    assert "Images of the last 24 hours: 300 images; at most 20 per minute" in page
    assert "Tasks of the last hour: 2 completed, 1 failed" in page
    assert page.count("<path") == 6


def test_bars_stand_on_each_other_and_the_highest_fills_the_chart() -> None:
    strands = [flow.Strand("completed", "success", [0, 3]), flow.Strand("failed", "danger", [0, 1])]
    html = charts.chart(flow.Flow("Tasks", timezone.now(), 1, strands))
    assert f"{charts.HEIGHT}.0v-90.0" in html
    assert "30.0v-30.0" in html
    assert [charts.per_minute(number) for number in (0, 0.04, 0.25, 12.34, 1234.5)] == [
        "0", "0.04", "0.2", "12.3", "1,234",
    ]  # fmt: skip


def test_engines_tell_success_limit_and_last_error(client: Client, settings: Any) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"engine:*": "10/60"}
    throughput.record(
        {
            (Measure.ANSWERED, "engine:openverse"): 3,
            (Measure.STORED, "engine:openverse"): 30,
            (Measure.REFUSED, "engine:openverse"): 10,
        }
    )
    task = ended(SweepFiles.name, {})
    throughput.record_failed_attempts([("engine:openverse", "HTTP 503", task.pk)])
    from tasktypes.services.limits import take_starts

    assert take_starts({"engine:openverse"}) == 0
    [engine] = flow.engine_health()
    assert (engine.name, engine.success, engine.fetched, engine.colour) == ("openverse", 0.75, 0.75, "warning")
    assert (engine.used, engine.limit, engine.window) == (1, 10, 60)
    assert (engine.error, engine.error_task) == ("HTTP 503", task.pk)
    page = shown(client, "engines")
    assert "75 %" in page
    assert "1 / 10" in page
    assert reverse("admin:tasktypes_task_change", args=[task.pk]) in page


def test_storage_is_the_last_sweeps_sum_and_what_came_since(client: Client) -> None:
    ended(SweepFiles.name, {"seen": 9, "dropped": 0, "used": 9, "bytes": 9_000_000})
    throughput.record({(Measure.STORED, "engine:urls"): 2, (Measure.BYTES, "engine:urls"): 1_000_000})
    Throughput.objects.create(
        begins_at=throughput.floor(timezone.now() - timedelta(hours=3), 15),
        span=15, measure=Measure.BYTES, source="engine:urls", amount=8_000_000,
    )  # fmt: skip
    storage = upkeep.storage()
    assert (storage.used_files, storage.used) == (11, 10_000_000)
    assert 0 < storage.free < storage.disk
    assert storage.database
    assert "in 11 files" in shown(client, "upkeep")


def test_the_next_runs_come_in_their_order_in_words(client: Client) -> None:
    from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

    PeriodicTask.objects.update(enabled=False)
    now = timezone.now()
    crontab = CrontabSchedule.objects.create(minute="0", hour="3", timezone="Europe/Zurich")
    interval = IntervalSchedule.objects.create(every=10, period="minutes")
    PeriodicTask.objects.create(name="nightly", task="x", crontab=crontab)
    PeriodicTask.objects.create(name="often", task="x", interval=interval, last_run_at=now - timedelta(minutes=9))
    PeriodicTask.objects.create(name="off", task="x", interval=interval, enabled=False)
    PeriodicTask.objects.create(name="over", task="x", interval=interval, expires=now - timedelta(hours=1))
    broken = CrontabSchedule.objects.create(minute="x", hour="3")
    PeriodicTask.objects.create(name="broken", task="x", crontab=broken)
    runs = upkeep.next_runs()
    assert [run.name for run in runs.next] == ["often", "nightly"] or now.hour == 1, "nightly is soon at 01:50 UTC"
    nightly = next(run for run in runs.next if run.name == "nightly")
    assert (nightly.at - now) <= timedelta(days=1, hours=1)
    assert nightly.at.minute == 0
    page = shown(client, "upkeep")
    assert "03:00" in page
    assert "every 10 minutes" in page
    assert "broken" not in page


def test_what_the_doctor_found_is_shown_the_worst_first(client: Client) -> None:
    checks = [
        {"title": "Disk", "status": "warning", "message": "nearly full"},
        {"title": "Broker", "status": "error", "message": HOSTILE},
        {"title": "Clock", "status": "ok", "message": "fine"},
    ]
    task = ended(Doctor.name, {"status": "error", "checks": checks})
    page = shown(client, "upkeep")
    assert page.index("Broker") < page.index("Disk")
    assert "fine" not in page
    assert "<script>alert" not in page
    assert reverse("admin:tasktypes_task_change", args=[task.pk]) in page


def fill(number: int) -> None:
    """Make so many of everything that the page reads."""
    for place in range(number):
        live_worker(name=f"w{place}@tests")
        job = factories.started_job(keywords=["a", "b", "c"])
        first, second, _ = factories.tasks_of(job)
        factories.report(first, images=1)
        factories.end(second, State.FAILED, error="no")
        throughput.record({(Measure.STORED, f"engine:e{place}"): 1})
        throughput.record_failed_attempts([(f"engine:e{place}", "no", second.pk)])
        factories.project()


def test_the_page_asks_as_many_queries_of_much_as_of_little(client: Client) -> None:
    fill(1)
    shown(client)
    with CaptureQueriesContext(
        connection,
    ) as few:
        shown(client)
    fill(12)
    with CaptureQueriesContext(connection) as many:
        shown(client)
    assert len(many) == len(few) <= 40
    assert not [query["sql"] for query in many if "COUNT(*)" in query["sql"] and "LIMIT" not in query["sql"]]


def test_the_oldest_that_may_run_waits_and_not_what_is_held_or_later(boss: User) -> None:
    assert oldest_waiting() is None
    new = NewTask(type_name="tasktypes.housekeeping")
    now = timezone.now()
    later, held, young, old = submit([new] * 4, owner_id=boss.pk)
    Task.objects.filter(pk=later.pk).update(due_at=now + timedelta(hours=1), created_at=now - timedelta(days=3))
    Task.objects.filter(pk=held.pk).update(due_at=None, created_at=now - timedelta(days=2))
    Task.objects.filter(pk=young.pk).update(due_at=now - timedelta(seconds=1))
    Task.objects.filter(pk=old.pk).update(
        due_at=now - timedelta(minutes=9), created_at=now - timedelta(hours=9), run_after=now - timedelta(minutes=9)
    )
    found = oldest_waiting()
    assert found is not None
    assert found[0].pk == old.pk
    assert found[1] == now - timedelta(minutes=9), "it waits since it may run"


def test_hostile_text_is_shown_and_does_nothing(client: Client) -> None:
    live_worker(name=HOSTILE)
    job = factories.started_job(keywords=[HOSTILE, "b"])
    first, second = factories.tasks_of(job)
    factories.report(first, images=1)
    factories.end(second, State.FAILED, error=HOSTILE)
    Task.objects.filter(pk=first.pk).update(worker=HOSTILE)
    throughput.record_failed_attempts([(f"engine:{HOSTILE}", HOSTILE, None)])
    page = shown(client)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 4


def test_a_role_sees_its_part_and_nobody_else_anything(client: Client) -> None:
    viewer = client_of(factories.user(is_staff=True, role=Role.VIEWER))
    bare = client_of(factories.user(is_staff=True))
    bare_user = User.objects.get(pk=int(bare.session["_auth_user_id"]))
    bare_user.groups.clear()
    outsider = client_of(factories.user())
    for name in NAMES:
        url = reverse("console_dashboard_panel", args=[name])
        assert viewer.get(url).status_code == 200
        assert viewer.post(url).status_code == 405
        assert bare.get(url).status_code == 403
        assert outsider.get(url).status_code == 302
        assert Client().get(url).status_code == 302
    assert client.get(reverse("console_dashboard_panel", args=["nothing"])).status_code == 404
    page = shown(viewer)
    assert reverse("admin:jobs_crawljob_add") not in page, "a viewer starts no job"
    assert "There is nothing here for you yet" in shown(bare)


def test_the_same_facts_are_there_as_json(client: Client) -> None:
    live_worker()
    factories.end(factories.tasks_of(factories.started_job())[0], State.FAILED, error="no")
    answer = client.get(reverse("console_dashboard_facts"))
    assert answer["Content-Type"] == "application/json"
    facts = json.loads(answer.content)
    assert facts["work"] == {"running": 0, "pending": 0, "types": [], "further_types": 0}
    assert facts["failures_24h"]["number"] == 1
    assert [worker["name"] for worker in facts["workers"]] == ["worker@tests"]
    assert sum(facts["throughput"]["tasks_hour"]["failed"]) == 1
    assert facts["engines"][0]["success"] == 0
    bare = factories.user(is_staff=True)
    bare.groups.clear()
    assert json.loads(client_of(bare).get(reverse("console_dashboard_facts")).content) == {}


def test_an_engine_that_was_taken_out_has_no_link(client: Client) -> None:
    throughput.record({(Measure.ANSWERED, "engine:urls"): 1, (Measure.ANSWERED, "engine:gone"): 1})
    assert {one.name: one.installed for one in flow.engine_health()} == {"urls": True, "gone": False}
    page = shown(client, "engines")
    assert reverse("admin:jobs_enginestate_change", args=["urls"]) in page
    assert reverse("admin:jobs_enginestate_change", args=["gone"]) not in page
    assert "not installed" in page
