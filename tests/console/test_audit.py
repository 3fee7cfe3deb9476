"""The audit log: every writing route and command leaves an entry, and its page is in words and fast."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from pixtasks.accounts.console.audit_log import words
from pixtasks.accounts.models import AuditEntry, Origin, User
from pixtasks.accounts.roles import Role
from pixtasks.accounts.services.audit import audit
from tests import factories
from tests.accounts.factories import PASSWORD, bearer, make_user, sign_in
from tests.attack.routes import Route, routes
from tests.attack.test_ownership import ask, rolled_back
from tests.attack.world import World, build
from tests.document import many_requests

pytestmark = pytest.mark.django_db

LIST = "admin:accounts_auditentry_changelist"
# What leaves no entry, and why.
SILENT = {
    "/api/v1/auth/refresh": "goes on with a sign-in that has its entry",
    "/api/v1/jobs/{job_id}/plan": "changes nothing: a POST because its answer is made for this moment",
    "/api/tasks/claim": "a worker's report: the task's own history holds it",
    "/api/tasks/{task_id}/heartbeat": "a worker's report",
    "/api/tasks/{task_id}/complete": "a worker's report",
    "/api/tasks/{task_id}/fail": "a worker's report",
}

WRITING = {
    "backup", "cancel_job", "crawl", "create_api_key", "doctor", "ensure_user", "import_prismq_db", "opt_out",
    "retry_failures", "retry_task", "revoke_task", "schedule_gather", "submit_task", "validate_job",
}  # fmt: skip


@pytest.fixture
def operator() -> User:
    return make_user(is_staff=True, role=Role.OPERATOR)


@pytest.fixture
def client(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def test_every_writing_route_of_the_api_leaves_an_entry(settings: Settings) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    world = build()
    administrator = make_user(is_staff=True, role=Role.ADMINISTRATOR)
    headers = bearer(sign_in(administrator)["access_token"])
    silent, heard = [], 0

    def entries(route: Route, verb: str, world: World) -> tuple[int, list[AuditEntry]]:
        before = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        response = ask(world, route, verb, headers)
        return response.status_code, list(AuditEntry.objects.filter(pk__gt=before))

    with many_requests(settings):
        for route in routes():
            if not route.path.startswith(("/api/", "/tasks")) or route.path in SILENT:
                continue
            for verb in set(route.verbs) - {"GET"}:
                status, found = rolled_back(lambda: entries(route, verb, world))  # noqa: B023
                if status >= 300:
                    continue
                heard += 1
                if not found:
                    silent.append(f"{verb} {route.path}")
                assert all(entry.origin == Origin.API for entry in found), (verb, route.path)
                if "/auth/" not in route.path:
                    assert {entry.actor for entry in found} <= {administrator}, (verb, route.path)
    assert silent == []
    assert heard > 25


@pytest.mark.parametrize("command", ["cancel_job", "revoke_task", "retry_task", "submit_task", "create_api_key"])
def test_commands_name_the_account_that_they_ran_under(command: str) -> None:
    owner = make_user()
    job = factories.started_job(factories.project(owner))
    if command == "cancel_job":
        call_command(command, str(job.pk), stdout=io.StringIO())
    elif command == "create_api_key":
        call_command(command, email=owner.email, name="x", stdout=io.StringIO(), stderr=io.StringIO())
    else:
        payload = json.dumps({"message": "hi", "count": 1})
        call_command("submit_task", "ExampleDatabaseTask", payload, user=owner.email, stdout=io.StringIO())
        task = str(owner.tasks.latest("pk").pk) if hasattr(owner, "tasks") else str(_newest())
        if command in ("revoke_task", "retry_task"):
            call_command("revoke_task", task, stdout=io.StringIO())
        if command == "retry_task":
            call_command("retry_task", task, stdout=io.StringIO())
    entry = AuditEntry.objects.order_by("-pk")[0]
    assert entry.origin == Origin.COMMAND
    assert entry.detail["command"] == command
    assert "@" in entry.detail["account"]
    assert entry.actor is not None or entry.actor_name == entry.detail["account"]


def test_as_names_in_whose_name_a_command_writes_and_the_account_stays_beside_it() -> None:
    olga = make_user(email="olga@example.com", is_staff=True, role=Role.OPERATOR)
    job = factories.started_job(factories.project(make_user()))
    call_command("cancel_job", str(job.pk), "--as", "Olga@example.com", stdout=io.StringIO())
    entry = AuditEntry.objects.get(action="crawl_job.cancelled")
    assert (entry.actor, entry.actor_name, entry.origin) == (olga, olga.email, Origin.COMMAND)
    assert "@" in entry.detail["account"]
    call_command("ensure_user", "--email=new@example.com", f"--password={PASSWORD}", "--as=olga@example.com",
                 stdout=io.StringIO())  # fmt: skip
    assert AuditEntry.objects.latest("pk").actor == olga


def test_as_refuses_somebody_who_is_not_there_before_anything_is_done() -> None:
    job = factories.started_job(factories.project(make_user()))
    make_user(email="gone@example.com", is_active=False)
    for email in ("nobody@example.com", "gone@example.com"):
        with pytest.raises(CommandError, match="no active user"):
            call_command("cancel_job", str(job.pk), "--as", email, stdout=io.StringIO())
    job.refresh_from_db()
    assert not AuditEntry.objects.filter(action="crawl_job.cancelled").exists()


@pytest.mark.parametrize("name", sorted(WRITING))
def test_every_command_that_writes_takes_as(name: str) -> None:
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    assert "--as" in parser.format_help()


def _newest() -> int:
    from tasktypes.models import Task

    return Task.objects.latest("pk").pk


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("crawl_job.cancelled", "cancelled a job"),
        ("apikey.revoked", "revoked an API key"),
        ("task.cancelled", "cancelled a task"),
        ("webhook.created", "created a webhook"),
        ("signed_in", "signed in"),
        ("schedule.run_now", "ran a schedule at once"),
        ("user.signed_out_everywhere", "signed somebody out everywhere"),
    ],
)
def test_actions_are_said_in_words(action: str, said: str) -> None:
    assert words(AuditEntry(action=action)) == said


def test_the_page_names_actor_object_and_origin_and_escapes_them(client: Client, operator: User) -> None:
    job = factories.job(factories.project(operator))
    audit("crawl_job.started", actor=operator, target=job, detail={"name": "<b>x</b>"}, address="192.0.2.7")
    shown = client.get(reverse(LIST)).content.decode()
    assert "started a job" in shown and "192.0.2.7" in shown and operator.email in shown
    assert reverse("admin:jobs_crawljob_change", args=[job.pk]) in shown
    assert "&lt;b&gt;x" in shown and "<b>x</b>" not in shown


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"origin": "command"}, 1), ({"about": "auth.group"}, 1), ({"about": "auth.group:7"}, 1),
        ({"about": "auth.group:8"}, 0), ({"q": "7"}, 1), ({"q": "ann@"}, 2), ({"q": "group.changed"}, 1),
        ({"period": "day"}, 3), ({"actor": "x"}, 3), ({"q": "root@"}, 1),
    ],
)  # fmt: skip
def test_filters_and_search(query: dict[str, str], count: int) -> None:
    client = Client()
    client.force_login(make_user(is_staff=True, role=Role.VIEWER, email="zoe@example.com"))
    ann = make_user(email="ann@example.com")
    AuditEntry.objects.all().delete()
    audit("group.changed", actor=ann, object_type="auth.group", object_id=7)
    audit("signed_in", actor=ann)
    AuditEntry.objects.create(actor_name="root@host", action="task.cancelled", origin=Origin.COMMAND)
    found = client.get(reverse(LIST), query)
    assert found.status_code == 200
    assert len(found.context["cl"].result_list) == count


def test_the_page_asks_as_often_for_many_as_for_few_and_never_counts_or_makes_distinct(client: Client) -> None:
    def asked(**query: Any) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse(LIST), query).status_code == 200
        return [each["sql"] for each in queries]

    client.get(reverse(LIST))
    few = len(asked())
    for number in range(80):
        audit("signed_in", actor=make_user() if number < 5 else None, detail={"number": number})
    assert len(asked()) == few
    for query in ({}, {"origin": "api"}, {"about": "jobs.crawljob"}, {"period": "hour"}, {"q": "17"}):
        about = [sql for sql in asked(**query) if "accounts_auditentry" in sql]
        assert not [sql for sql in about if "COUNT(" in sql or "DISTINCT" in sql], query


def test_the_export_holds_what_the_filter_shows_and_no_formula(client: Client, operator: User) -> None:
    audit("group.changed", actor=operator, object_type="auth.group", object_id="=1+1")
    audit("signed_in", actor=operator)
    answer = client.get(reverse("admin:accounts_auditentry_export"), {"about": "auth.group"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [(row["action"], row["object_id"], row["actor"]) for row in rows] == [
        ("group.changed", "'=1+1", operator.email)
    ]


def test_signing_in_and_out_of_the_console_is_audited_and_limited(settings: Settings) -> None:
    user = make_user(is_staff=True, role=Role.VIEWER)
    client = Client()
    wrong = {"username": user.email, "password": "wrong"}
    assert b"Incorrect email or password" in client.post("/admin/login/", wrong).content
    assert client.post("/admin/login/", {"username": user.email, "password": PASSWORD}).status_code == 302
    client.post("/admin/logout/")
    found = AuditEntry.objects.order_by("pk").values_list("action", "origin", "actor")
    assert list(found) == [("signed_in", "console", user.pk), ("signed_out", "console", user.pk)]
    for _ in range(11):
        answer = client.post("/admin/login/", wrong)
    assert b"Incorrect email or password" not in answer.content
    assert b'role="alert"' in answer.content
