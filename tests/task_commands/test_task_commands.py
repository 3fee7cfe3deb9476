"""The commands that submit, show, retry and stop tasks do what the APIs do, and say it to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_django import Settings

from pixtasks.accounts.models import LOCAL_EMAIL, User
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tasktypes.services.claim import claim
from tests.api_database.conftest import Fussy
from tests.commands.conftest import run
from tests.ledger import run_all

THIS = '{"message": "this", "count": 1}'

pytestmark = pytest.mark.django_db


def submitted(*arguments: str) -> int:
    return int(run("submit_task", *arguments, "--json").json["id"])


def test_a_task_is_submitted_once_for_each_payload(owner: User) -> None:
    first = run("submit_task", "ExampleDatabaseTask", THIS, "--user", "ann@example.com", "--json")
    task = Task.objects.get()
    assert (first.code, task.created_by, task.parameters) == (0, owner, json.loads(THIS))
    assert first.json["is_duplicate"] is False
    assert (first.json["id"], first.json["task_id"], first.json["status"]) == (task.pk, task.public_id, "pending")
    again = run("submit_task", "ExampleDatabaseTask", THIS, "--user", "ann@example.com", "--json").json
    assert (again["id"], again["is_duplicate"], again["max_retries"]) == (task.pk, True, 4)


def test_without_a_user_it_is_locals_in_development_and_refused_in_production(settings: Settings) -> None:
    shown = run("submit_task", "ExampleDatabaseTask", THIS)
    assert shown.code == 0
    assert "created as new task" in shown.output
    task = Task.objects.get()
    assert task.created_by is not None and task.created_by.email == LOCAL_EMAIL
    settings.PIXTASKS_PROFILE = "production"
    assert "--user EMAIL" in run("submit_task", "ExampleDatabaseTask", THIS).complaint


def test_a_payload_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "payload.json").write_text(THIS)
    submitted("ExampleDatabaseTask", f"@{tmp_path}/payload.json")
    assert Task.objects.get().parameters == json.loads(THIS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("Unknown",), "There is no handler Unknown. Known are: ExampleDatabaseTask,"),
        (("ExampleDatabaseTask", "{"), "JSON: not valid JSON"),
        (("ExampleDatabaseTask", "[]"), "JSON: give a JSON object"),
        (("ExampleDatabaseTask", "@/not/there"), "cannot be read: No such file or directory"),
        (("ExampleDatabaseTask", '{"message": "x"}'), "count: field required"),
        (("ExampleDatabaseTask", THIS, "--user", "nobody@example.com"), "There is no active user nobody@example.com."),
    ],
)
def test_what_cannot_be_submitted_is_said_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    result = run("submit_task", *arguments)
    assert result.code == 1
    assert sentence in result.complaint
    assert not Task.objects.exists()


def test_waiting_ends_with_the_task(fussy: Fussy) -> None:
    good, bad = submitted("tests.fussy", '{"note": "a"}'), submitted("tests.fussy", '{"fail": true}')
    run_all()
    assert run("submit_task", "tests.fussy", '{"note": "a"}', "--wait").code == 0
    assert Task.objects.get(pk=good).status == "completed"
    assert Task.objects.get(pk=bad).status == "failed"


def test_a_task_is_shown_by_its_number_and_by_its_uuid(fussy: Fussy) -> None:
    task = Task.objects.get(pk=submitted("tests.fussy", '{"fail": true}'))
    run_all()
    for name in (str(task.pk), task.public_id):
        shown = run("task_status", name)
        assert shown.code == 0
        for text in (task.public_id, "tests.fussy", "failed", "it was told to fail", LOCAL_EMAIL):
            assert text in shown.output
        assert run("task_status", name, "--json").json["error_message"] == "it was told to fail"


@pytest.mark.parametrize("command", ["task_status", "retry_task", "revoke_task"])
@pytest.mark.parametrize("name", ["987654", "abc", "9" * 40, "\x1b[31m"])
def test_an_unknown_task_is_said_with_those_that_there_are(command: str, name: str) -> None:
    assert "There is no task yet" in run(command, name).complaint
    task_id = submitted("ExampleDatabaseTask", THIS)
    complaint = run(command, name).complaint
    assert f"The latest tasks are {task_id}." in complaint
    assert "\x1b" not in complaint


def test_a_failed_task_is_retried_and_a_good_one_is_not(fussy: Fussy) -> None:
    task_id = submitted("tests.fussy", '{"fail": true}')
    run_all()
    fussy.failing = False
    retried = run("retry_task", str(task_id), "--json").json
    assert (retried["id"], retried["status"], retried["retries"]) == (task_id, "pending", 1)
    run_all()
    refused = run("retry_task", str(task_id))
    assert (refused.code, "with status 'success'" in refused.complaint) == (1, True)


def test_a_waiting_task_is_cancelled_a_running_one_asked_and_an_ended_one_left() -> None:
    waiting, running = submitted("ExampleDatabaseTask", THIS), submitted("ExampleDatabaseTask", THIS.replace("1", "2"))
    claim(running, 0, worker="tests", carrier="one")
    assert f"Task {waiting} is cancelled." in run("revoke_task", str(waiting)).output
    assert f"Task {running} was asked to stop." in run("revoke_task", str(running)).output
    again = run("revoke_task", str(waiting), "--json").json
    assert (again["revoked"], again["status"]) == (False, "cancelled")


def test_stats_are_exact_for_people_and_programs(fussy: Fussy) -> None:
    assert run("task_stats").code == 0
    submitted("tests.fussy", '{"note": "a"}')
    submitted("tests.fussy", '{"fail": true}')
    run_all()
    submitted("ExampleDatabaseTask", THIS)
    figures = run("task_stats", "--json").json
    assert (figures["total"], figures["success_rate"]) == (3, 0.5)
    assert figures["counts"] == {"pending": 1, "running": 0, "completed": 1, "failed": 1, "cancelled": 0}
    assert figures["by_type"]["tests.fussy"]["run_seconds"]["mean"] >= 0
    shown = run("task_stats").output
    assert "tests.fussy" in shown and "50.0%" in shown and "3 tasks." in shown
    assert run("task_stats", "--name", "tests.fussy", "--json").json["total"] == 2


def test_every_handler_is_listed_with_what_it_takes(fussy: Fussy) -> None:
    listed = run("list_handlers", "--json").json
    assert [one["name"] for one in listed] == handlers.names()
    [example] = [one for one in listed if one["name"] == "ExampleDatabaseTask"]
    assert set(example["parameters_schema"]["properties"]) == {"message", "count"}
    shown = run("list_handlers").output
    assert "ExampleDatabaseTask" in shown and "message, count" in shown
    assert "fail?, note?" in shown
