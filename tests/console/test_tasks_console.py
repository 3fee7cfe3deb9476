"""The console's pages of tasks: they find, show and act; each act is asked for, confirmed and audited."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult
from pytest_django import Settings

from pixtasks.accounts.models import AuditEntry, User
from pixtasks.accounts.roles import Role
from tasktypes.models import Task, TaskEvent, TaskType, Worker
from tasktypes.services.batch import BATCH
from tasktypes.services.declared_tasks import create_task
from tasktypes.services.inspect import beat_worker
from tasktypes.services.operate import Verb, act_on_one
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.services.task_types import register_type
from tasktypes.states import EventType, State
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/tasktypes/task/"
SURE = {"_form_submitted": "True"}
EXAMPLE = "ExampleDatabaseTask"
HOSTILE = "<script>window.hit=1</script>"


@pytest.fixture
def boss() -> User:
    return factories.user(is_staff=True)


@pytest.fixture
def client(boss: User, settings: Settings, tmp_path: Path) -> Client:
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(boss)
    return client


def task_of(owner: User | None = None, message: str = "hello", **fields: Any) -> Task:
    new = NewTask(type_name=EXAMPLE, parameters={"message": message, "count": 1}, **fields)
    return submit([new], owner_id=owner.pk if owner else None)[0]


def url(task: Task, page: str = "change") -> str:
    return reverse(f"admin:tasktypes_task_{page}", args=[task.pk])


def text(response: Any) -> str:
    found: str = response.content.decode()
    return found


def found(client: Client, **query: object) -> list[int]:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return sorted(task.pk for task in response.context["cl"].result_list)


def test_the_list_is_filtered_and_searched_by_what_people_have_at_hand(client: Client, boss: User) -> None:
    ann = factories.user()
    mine, hers, nobodys = task_of(boss), task_of(ann), task_of()
    old = task_of(ann)
    Task.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    group = create_group("tests")
    grouped = submit(
        [NewTask(type_name=EXAMPLE, parameters={"message": "x", "count": 1})], owner_id=ann.pk, group=group
    )[0]
    act_on_one(Verb.CANCEL, hers.pk, actor=boss)
    everything = sorted(task.pk for task in (mine, hers, nobodys, old, grouped))
    assert found(client) == everything
    assert found(client, status="cancelled") == [hers.pk]
    assert found(client, owner=boss.pk) == [mine.pk]
    assert found(client, owner=0) == [nobodys.pk]
    assert found(client, group=group.pk) == [grouped.pk]
    assert found(client, type=EXAMPLE, since="24h") == sorted({*everything} - {old.pk})
    assert found(client, type="nothing") == []
    for wrong in ({"status": "eaten"}, {"owner": "x"}, {"since": "1y"}, {"group": "9" * 40}):
        assert found(client, **wrong) in ([], everything)
    for words, wanted in (
        (hers.public_id, [hers.pk]),
        (f"{hers.public_id}.7", [hers.pk]),
        (hers.public_id[:9], [hers.pk]),
        (str(mine.pk), [mine.pk]),
        ("exampleD", everything),
        (ann.email, sorted([hers.pk, old.pk, grouped.pk])),
        ("nobody@example.com", []),
        ("zzz", []),
    ):
        assert found(client, q=words) == wanted, words


def test_a_longer_list_and_a_longer_history_cost_no_more_queries(client: Client, boss: User) -> None:
    first = task_of(boss)
    counts: dict[str, list[int]] = {LIST: [], url(first): []}
    for _ in range(3):
        submit(
            [NewTask(type_name=EXAMPLE, parameters={"message": "x", "count": 1})] * 10,
            owner_id=boss.pk,
            group=create_group("tests"),
        )
        seq = TaskEvent.objects.filter(task=first).count()
        TaskEvent.objects.bulk_create(
            TaskEvent(task=first, seq=seq + n, type=EventType.RETRYING, data={}, created_at=timezone.now())
            for n in range(1, 30)
        )
        for page, numbers in counts.items():
            client.get(page)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(page).status_code == 200
            numbers.append(len(queries))
            assert [sql for query in queries if "COUNT(*)" in (sql := query["sql"]) and "task_list" in sql] == []
    assert all(len(set(numbers)) == 1 for numbers in counts.values()), counts


def test_a_task_shows_all_that_is_known_of_it(client: Client, boss: User) -> None:
    job = factories.started_job(owner=boss)
    task = factories.tasks_of(job)[0]
    factories.end(task, State.FAILED, error=f"it broke {HOSTILE}")
    Task.objects.filter(pk=task.pk).update(rings=2, traceback=f"Traceback {HOSTILE}")
    TaskResult.objects.create(task_id=f"{task.public_id}.1", status="FAILURE")
    page = text(client.get(url(task)))
    assert HOSTILE not in page
    assert "it broke &lt;script&gt;" in page and "Traceback &lt;script&gt;" in page
    assert reverse("admin:jobs_crawljob_change", args=[job.pk]) in page
    assert f"{task.public_id}.1" in page and f"{task.public_id}.2" in page and "FAILURE" in page
    assert "attempt 1" in page and "data-live=" not in page
    assert client.get(f"{LIST}{task.public_id}/change/", follow=True).redirect_chain == [(url(task), 302)]
    assert client.get(f"{LIST}999/change/").status_code == 404


def test_a_running_task_moves_and_its_dependencies_are_shown(client: Client, boss: User) -> None:
    kind = register_type(creator=boss, name="declared")
    first = create_task(actor=boss, task_type_id=kind.pk, parameters={})
    second = create_task(actor=boss, task_type_id=kind.pk, parameters={}, depends_on=[first.pk])
    assert url(second) in text(client.get(url(first)))
    page = text(client.get(url(second)))
    assert url(first) in page and "for 1 task(s) that must complete first" in page
    running = task_of(boss)
    factories.report(running, done=3, target=4)
    page = text(client.get(url(running)))
    assert f'data-live-on="task:{running.public_id}"' in page and "3 of 4" in page
    assert "3 of 4" in text(client.get(url(running, "live")))
    assert "3 of 4" in text(client.get(LIST))


def test_the_history_is_read_page_by_page_with_who_when_and_how_long_after(client: Client, boss: User) -> None:
    task = task_of(boss)
    begin = timezone.now() - timedelta(hours=1)
    TaskEvent.objects.filter(task=task).update(created_at=begin)
    TaskEvent.objects.bulk_create(
        TaskEvent(
            task=task, seq=n, type=EventType.PROGRESS if n % 2 else EventType.STARTED,
            data={"attempt": n, "worker": f"w{n}"}, created_at=begin + timedelta(seconds=n - 1),
        )
        for n in range(2, 202)
    )  # fmt: skip
    act_on_one(Verb.PRIORITY, task.pk, actor=boss, priority=9)
    page = text(client.get(url(task)))
    assert "Priority changed" in page and "to 9" in page and boss.email in page
    first = client.get(url(task)).context["timeline"]
    before: int | None = first.before
    seen = [line.title for line in first.lines]
    while before is not None:
        part = client.get(url(task, "events"), {"before": before})
        lines = part.context["timeline"].lines
        assert all(line.seconds is None or line.seconds >= 0 for line in lines)
        seen += [line.title for line in lines]
        before = part.context["timeline"].before
    assert (seen.count("Started"), seen.count("Submitted"), seen.count("Progress"), len(seen)) == (100, 1, 0, 102)
    every = client.get(url(task), {"progress": "all"}).context["timeline"].lines
    assert [line.title for line in every[1:5]] == ["Progress", "Started", "Progress", "Started"]
    assert every[2].seconds == 1.0
    assert every[2].who == "w200"


@pytest.mark.parametrize("verb", ["cancel", "run-now", "priority"])
def test_an_act_asks_first_and_is_done_once_by_a_confirmed_post(client: Client, boss: User, verb: str) -> None:
    task = task_of(boss, run_after=timezone.now() + timedelta(hours=1))
    path = f"{LIST}{task.pk}/{verb}/"
    assert path in text(client.get(LIST)) and path in text(client.get(url(task)))
    asked = client.get(path)
    assert asked.status_code == 200 and b"this task" in asked.content
    assert AuditEntry.objects.count() == 0
    done = client.post(path, {**SURE, "priority": "7"})
    assert done["HX-Redirect"] == url(task)
    task.refresh_from_db()
    if verb == "cancel":
        assert task.status == State.CANCELLED
        assert f"{LIST}{task.pk}/retry/" in text(client.get(url(task)))
        client.post(f"{LIST}{task.pk}/retry/", SURE)
        task.refresh_from_db()
        assert task.status == State.PENDING
    elif verb == "priority":
        assert task.priority == 7
        assert b"7" in client.post(path, {**SURE, "priority": "5000"}).content
        task.refresh_from_db()
        assert task.priority == 7
    else:
        assert task.due_at is not None and task.due_at <= timezone.now()
    entry = AuditEntry.objects.order_by("id").first()
    assert entry is not None
    assert (entry.actor, entry.object_id, entry.address) == (boss, str(task.pk), "127.0.0.1")


def test_what_is_ticked_is_asked_about_and_then_done(client: Client, boss: User) -> None:
    tasks = [task_of(boss) for _ in range(3)]
    sent = {"action": "cancel_some", "index": "0", "_selected_action": [task.pk for task in tasks[:2]]}
    asked = text(client.post(LIST, sent))
    assert "Cancel 2 tasks" in asked and tasks[0].public_id[:8] in asked
    assert Task.objects.filter(status=State.PENDING).count() == 3
    done = text(client.post(LIST, {**sent, "confirmed": "yes"}, follow=True))
    assert "2 tasks cancelled." in done
    again = text(client.post(LIST, {**sent, "confirmed": "yes"}, follow=True))
    assert "2 left alone: has ended as cancelled." in again
    prioritise = {**sent, "action": "prioritise_some", "_selected_action": [tasks[2].pk], "confirmed": "yes"}
    assert "from 1 to 1000" in text(client.post(LIST, prioritise))
    client.post(LIST, {**prioritise, "priority": "3"})
    assert Task.objects.get(pk=tasks[2].pk).priority == 3


def test_all_that_match_are_counted_asked_about_and_handed_to_a_task(client: Client, boss: User) -> None:
    for _ in range(3):
        task_of(boss)
    task_of()
    page = f"{LIST}batch/?verb=cancel&owner={boss.pk}&since=24h"
    assert "verb=cancel" in text(client.get(LIST, {"owner": boss.pk}))
    asked = client.get(page)
    assert "Cancel 3 tasks" in text(asked) and boss.email in text(asked)
    fields = {name: asked.context[name] for name in ("verb", "filter", "up_to")}
    client.post(page, fields)
    assert not Task.objects.filter(type_name=BATCH).exists()
    done = client.post(page, {**fields, "confirmed": "yes"})
    batch = Task.objects.get(type_name=BATCH)
    assert done["Location"] == url(batch)
    assert (batch.created_by, batch.parameters["verb"], batch.parameters["filter"]["owner"]) == (
        boss,
        "cancel",
        boss.pk,
    )
    assert AuditEntry.objects.get(action="task.batch_started").actor == boss
    assert "No task matches now" in text(client.get(f"{LIST}batch/?verb=retry"))
    wrong = {**fields, "confirmed": "yes", "verb": "priority", "priority": "0"}
    assert "priority" in text(client.post(page, wrong, follow=True))
    assert client.get(f"{LIST}batch/?verb=eat").status_code == 302
    assert Task.objects.filter(type_name=BATCH).count() == 1


def test_whoever_only_looks_is_offered_nothing_and_can_do_nothing(boss: User, client: Client) -> None:
    task = task_of(boss)
    viewer = Client()
    viewer.force_login(factories.user(is_staff=True, role=Role.VIEWER))
    page = text(viewer.get(url(task)))
    assert viewer.get(LIST).status_code == 200
    assert f"{LIST}{task.pk}/cancel/" not in page and "All that match" not in text(viewer.get(LIST))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)
    for path in (f"{LIST}{task.pk}/cancel/", f"{LIST}{task.pk}/priority/", f"{LIST}launch/?type={EXAMPLE}",
                 f"{LIST}batch/?verb=cancel"):  # fmt: skip
        assert viewer.get(path).status_code == 403, path
        for somebody in (viewer, strict):
            assert somebody.post(path, {**SURE, "confirmed": "yes", "priority": "5"}).status_code == 403, path
    nobody = Client()
    nobody.force_login(factories.user())
    for page in ("live", "events"):
        assert nobody.get(url(task, page)).status_code == 302
    assert Task.objects.get().status == State.PENDING


def test_types_show_their_schema_and_are_switched_off_and_on(client: Client, boss: User) -> None:
    schema = {"type": "object", "properties": {"width": {"type": "integer", "description": HOSTILE, "default": 5}}}
    kind = register_type(creator=factories.user(), name="declared", description=HOSTILE, parameters_schema=schema)
    page = reverse("admin:tasktypes_tasktype_change", args=[kind.pk])
    shown = text(client.get(page))
    assert HOSTILE not in shown and "width" in shown
    off, on = (f"/admin/tasktypes/tasktype/{kind.pk}/{verb}/" for verb in ("deactivate", "activate"))
    assert off in shown and on not in shown
    assert client.post(off, SURE)["HX-Redirect"] == page
    assert not TaskType.objects.get().is_active
    assert on in text(client.get(page))
    client.post(on, SURE)
    client.post(on, SURE)
    assert "is active already" in text(client.get(page))
    assert [entry.action for entry in AuditEntry.objects.filter(actor=boss).order_by("id")] == [
        "task_type.deactivated",
        "task_type.activated",
    ]
    handlers = text(client.get("/admin/tasktypes/tasktype/handlers/"))
    assert "jobs.download_images" in handlers and f"launch/?type={EXAMPLE}" in handlers


def test_workers_show_whether_they_live_and_what_they_do(client: Client, boss: User) -> None:
    beat_worker(name="one@host", pid=1, slots=2, queues=["default"], first=True)
    beat_worker(name="two@host", pid=2, slots=2, queues=["default"], first=True)
    Worker.objects.filter(pk="two@host").update(heartbeat_at=timezone.now() - timedelta(hours=1))
    running = task_of(boss)
    factories.report(running)
    Task.objects.filter(pk=running.pk).update(worker="one@host")
    listed = text(client.get("/admin/tasktypes/worker/"))
    assert "alive" in listed and "silent" in listed and "1 of 2" in listed
    assert url(running) in text(client.get(reverse("admin:tasktypes_worker_change", args=["one@host"])))
