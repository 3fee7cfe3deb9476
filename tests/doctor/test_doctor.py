"""``manage.py doctor``: what it looks at and how it says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from jobs.models import CrawlJob, Level
from jobs.services.validation import start_validation
from pixtasks.accounts.models import AuditEntry
from pixtasks.common.checkup import Check, Finding, checkup, ok
from pixtasks.common.checkup import warning as a_warning
from pixtasks.common.errors import AccessDenied
from pixtasks.common.sql import database_now
from pixtasks.doctor import database, pictures, processes
from tasktypes.handlers import handlers
from tasktypes.models import Process, Task, WebhookDelivery, WebhookEndpoint, Worker
from tasktypes.models.process import Role
from tasktypes.services.processes import Heartbeat, forget_processes, live_processes
from tasktypes.services.schedules import create_schedules, scheduled_handlers
from tasktypes.services.submit import NewTask, submit
from tests import factories
from tests.doctor.conftest import doctor
from tests.ledger import live_worker, run_task

ALL = {
    "settings", "database", "integrity", "clock", "migrations", "broker", "workers", "dispatcher", "scheduler",
    "leases", "overdue", "groups", "tally", "jobs", "webhooks", "periodic", "storage", "missing_files",
    "orphaned_files",
}  # fmt: skip


@pytest.mark.usefixtures("served", "job")
def test_an_installation_that_is_well_passes_every_check_with_code_0() -> None:
    examined = doctor("--deep")
    assert examined.faults == {}
    assert (examined.code, examined.report["status"]) == (0, "ok")
    assert {check["name"] for check in examined.report["checks"]} == ALL


@pytest.mark.usefixtures("served")
def test_people_get_a_table_and_a_last_line() -> None:
    output = StringIO()
    call_command("doctor", stdout=output)
    lines = output.getvalue().splitlines()
    assert any("✓" in line and "Database" in line for line in lines)
    assert lines[-1] == f" All is well: {len(ALL)} checks."


@pytest.mark.django_db
def test_without_processes_it_ends_with_code_2_and_says_how_to_start_them() -> None:
    examined = doctor()
    assert examined.faults == {"workers": "error", "dispatcher": "error", "scheduler": "error"}
    assert examined.code == 2
    for name in examined.faults:
        assert '"manage.py up" starts it' in examined.of(name)["message"]


@pytest.mark.django_db
def test_an_installation_at_rest_is_not_asked_for_processes() -> None:
    examined = doctor("--at-rest")
    assert examined.code == 0
    assert {check["name"] for check in examined.report["checks"]} == ALL - {
        "workers", "dispatcher", "scheduler", "leases", "overdue",
    }  # fmt: skip


@pytest.mark.usefixtures("served")
def test_a_queue_that_no_worker_listens_to_is_named() -> None:
    Worker.objects.update(queues=["other"])
    assert "-Q default" in doctor().of("workers")["message"]


@pytest.mark.usefixtures("served")
def test_processes_that_said_goodbye_or_fell_silent_do_not_count() -> None:
    Process.objects.filter(role=Role.SCHEDULER).update(heartbeat_at=Now() - timedelta(minutes=1))
    heartbeat = Heartbeat(Role.DISPATCHER)
    heartbeat.beat()
    heartbeat.stop()
    assert doctor().faults == {"dispatcher": "error", "scheduler": "error"}
    Process.objects.filter(role=Role.SCHEDULER).update(heartbeat_at=Now() - timedelta(days=2))
    assert forget_processes() == 1
    assert [process.role for process in Process.objects.all()] == [Role.DISPATCHER]


@pytest.mark.django_db
def test_a_loop_that_begins_again_has_one_row_and_is_heard() -> None:
    for _ in range(2):
        heartbeat = Heartbeat(Role.DISPATCHER)
        heartbeat.beat()
        heartbeat.beat()
    assert len(live_processes(Role.DISPATCHER)) == Process.objects.count() == 1


@pytest.mark.usefixtures("served")
def test_clocks_that_differ_are_a_warning_and_beyond_a_lease_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, status in ((0, "ok"), (5, "warning"), (-5, "warning"), (3600, "error")):
        monkeypatch.setattr(database, "database_now", lambda s=seconds: timezone.now() + timedelta(seconds=s))
        clock = doctor("--at-rest").of("clock")
        assert clock["status"] == status
        assert abs(abs(clock["facts"]["skew_seconds"]) - abs(seconds)) < 1


@pytest.mark.django_db
def test_a_missing_migration_is_an_error_and_what_builds_upon_it_is_left_out() -> None:
    [(_, newest)] = MigrationLoader(connection).graph.leaf_nodes("jobs")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'jobs' AND name = %s", [newest])
    examined = doctor()
    assert examined.code == 2
    migrations = examined.of("migrations")
    assert migrations["facts"]["missing"] == [f"jobs.{newest}"]
    assert '"manage.py migrate"' in migrations["message"]
    assert examined.of("groups")["message"].startswith("Not looked at")
    assert examined.of("storage")["status"] == "ok"


@pytest.mark.django_db
def test_a_database_of_a_newer_version_is_noticed() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('jobs', '9999_later', CURRENT_TIMESTAMP)"
        )
    assert doctor("--at-rest").faults == {"migrations": "warning"}


@pytest.mark.usefixtures("served")
def test_a_broker_that_cannot_be_reached_is_an_error(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis" in doctor().of("broker")["message"]
    settings.REDIS_URL = ""
    settings.CELERY = {
        **settings.CELERY,
        "broker_transport_options": {"data_folder_in": str(tmp_path / "gone"), "control_folder": str(tmp_path)},
    }
    assert doctor().of("broker")["status"] == "error"


@pytest.mark.usefixtures("served")
def test_messages_that_pile_up_in_the_folder_are_counted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = ""
    folders = {"data_folder_in": str(tmp_path), "control_folder": str(tmp_path)}
    settings.CELERY = {**settings.CELERY, "broker_transport_options": folders}
    for number in range(3):
        (tmp_path / f"{number}_x.default.msg").touch()
    (tmp_path / "4_x.host.celery.pidbox.msg").touch()
    assert processes.waiting_messages()["default"] == 3
    assert doctor().of("broker")["facts"] == {"waiting": 3}
    monkeypatch.setattr(processes, "MANY_MESSAGES", 2)
    assert doctor().faults == {"broker": "warning"}


@pytest.mark.usefixtures("served")
def test_a_task_that_is_not_handed_out_though_workers_are_free_is_an_error() -> None:
    task = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
    assert doctor().faults == {}
    Task.objects.filter(pk=task.pk).update(due_at=Now() - timedelta(minutes=2))
    examined = doctor()
    assert examined.faults == {"overdue": "error"}
    assert examined.of("overdue")["facts"] == {"tasks": [task.pk]}
    live_worker(slots=0)
    assert doctor().faults == {}, "nobody is free"


@pytest.mark.usefixtures("served")
def test_tasks_behind_a_used_up_rate_are_not_overdue(settings: Settings) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"validation:fast": "1/600"}
    settings.PIXTASKS_VALIDATION_BATCH_SIZE = 1
    start_validation(factories.job_with_images(2), Level.FAST, None)
    Task.objects.filter(status="pending").update(due_at=Now() - timedelta(minutes=5))
    assert doctor().faults == {"overdue": "error"}
    run_task(Task.objects.filter(status="pending").earliest("pk"))
    assert doctor().faults == {}


@pytest.mark.usefixtures("served")
def test_tasks_that_nobody_answers_for_or_nobody_can_run_are_warnings() -> None:
    task = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
    Task.objects.filter(pk=task.pk).update(unanswered=6, due_at=Now() + timedelta(minutes=1))
    assert "same broker" in doctor().of("overdue")["message"]
    Task.objects.filter(pk=task.pk).update(unanswered=0, type_name="gone.away")
    assert doctor().of("overdue")["facts"] == {"types": ["gone.away"]}


@pytest.mark.usefixtures("served")
def test_deliveries_given_up_within_a_day_are_a_warning() -> None:
    endpoint = WebhookEndpoint.objects.create(owner=factories.user(), url="http://a.test/", secret="x")
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint, task_number=1, task_public_id="1", event="task.completed", body="{}", state="dead",
        created_at=timezone.now(), ended_at=timezone.now(),
    )  # fmt: skip
    examined = doctor()
    assert (examined.code, examined.faults) == (1, {"webhooks": "warning"})
    assert examined.of("webhooks")["facts"] == {"dead": 1, "endpoints": [endpoint.pk]}
    WebhookDelivery.objects.filter(pk=delivery.pk).update(ended_at=Now() - timedelta(days=2))
    assert doctor().faults == {}


@pytest.mark.usefixtures("served")
def test_periodic_work_that_failed_or_did_not_run_is_a_warning() -> None:
    create_schedules()
    assert doctor().faults == {}
    task = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
    factories.end(task, factories.State.FAILED, error="no room")
    assert "ledger housekeeping (no room)" in doctor().of("periodic")["message"]
    later = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
    factories.end(later)
    assert doctor().faults == {}
    Task.objects.update(created_at=Now() - timedelta(hours=5), completed_at=Now() - timedelta(hours=5))
    assert "did not run for 3 hours" in doctor().of("periodic")["message"]


@pytest.mark.usefixtures("served")
def test_a_folder_that_cannot_be_written_is_an_error(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "gone"
    storage = doctor().of("storage")
    assert storage["status"] == "error"
    assert str(tmp_path / "gone") in storage["message"]


@pytest.mark.usefixtures("served")
def test_little_room_is_a_warning_and_next_to_none_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for room, status in ((pictures.LITTLE_ROOM - 1, "warning"), (pictures.NO_ROOM - 1, "error")):
        monkeypatch.setattr(pictures, "_room", lambda _, room=room: room)
        assert doctor().faults == {"storage": status}


class Odd(Check):
    """A check of another package."""

    name = "odd"
    title = "Odd"
    place = 99
    answer: ClassVar[Finding | Exception]

    def examine(self, *, deep: bool) -> Finding:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def mend(self, *, deep: bool) -> list[str]:
        if not deep:
            raise OSError("no room")
        Odd.answer = ok("It is even.")
        return ["It was made even."]


@pytest.fixture
def odd() -> Iterator[type[Odd]]:
    with checkup.temporarily(Odd()):
        yield Odd


@pytest.mark.usefixtures("served")
def test_an_app_may_bring_a_check_and_a_broken_one_does_not_keep_the_others_away(odd: Any) -> None:
    odd.answer = RuntimeError("it fell\nover")
    examined = doctor()
    assert examined.faults == {"odd": "error"}
    assert examined.of("odd")["message"].startswith("It could not be looked at: it fell over.")
    assert len(examined.report["checks"]) == len(ALL) + 1


@pytest.mark.usefixtures("served")
def test_what_is_mended_is_shown_and_audited_and_what_cannot_be_is_said(odd: Any) -> None:
    odd.answer = a_warning("It is odd.")
    assert doctor().of("odd")["mended"] == []
    assert doctor("--fix").of("odd")["message"] == "It is odd. Mending it failed: no room."
    odd.answer = a_warning("It is odd.")
    mended = doctor("--fix", "--deep")
    assert (mended.code, mended.of("odd")["status"], mended.of("odd")["mended"]) == (0, "ok", ["It was made even."])
    entry = AuditEntry.objects.get(action="doctor.mended")
    assert (entry.object_id, entry.detail) == ("odd", {**entry.detail, "mended": ["It was made even."]})


@pytest.mark.usefixtures("served")
def test_the_hourly_run_is_a_task_whose_result_is_the_report(job: CrawlJob, caplog: pytest.LogCaptureFixture) -> None:
    CrawlJob.objects.filter(pk=job.pk).update(images=1)
    task = run_task(submit([NewTask(type_name="pixtasks.doctor")], owner_id=None)[0])
    assert task.status == "completed"
    assert task.result["status"] == "error"
    assert {check["name"] for check in task.result["checks"]} == ALL
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [text.startswith("doctor: Counters of jobs: ") for text in errors] == [True]
    assert scheduled_handlers()["doctor"] == "pixtasks.doctor"
    job.refresh_from_db()
    assert job.images == 1, "it looks and mends nothing"


@pytest.mark.django_db
def test_only_staff_may_launch_it() -> None:
    handler = handlers["pixtasks.doctor"]
    with pytest.raises(AccessDenied):
        handler.check_caller(handler.Params(), factories.user())
    handler.check_caller(handler.Params(), factories.user(is_staff=True))


@pytest.mark.usefixtures("served")
def test_the_clock_of_the_check_is_that_of_the_database() -> None:
    assert abs((database_now() - timezone.now()).total_seconds()) < database.SKEW_WARNING
