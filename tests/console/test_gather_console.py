"""The console's pages of gathering: they show, their buttons ask first, and schedules are made here too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from gather.models import GatherRecord, GatherRun, GatherSource, ReceivedEvent
from gather.services.schedules import pause, schedule_gather
from jobs.models import Image, Project
from pixtasks.accounts.models import AuditEntry, User
from tasktypes.models import Task
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tests import factories
from tests.images import broken_images

pytestmark = pytest.mark.django_db
MODELS = list(apps.get_app_config("gather").get_models())
NAME = "gather: office-machines"
LIST = "/admin/gather/gatherrun/schedules/"
FORM = "/admin/gather/gatherrun/schedules/new/"
WANTED = {"cron": "0 3 * * mon", "timezone": "UTC", "count": "4", "save_interval": "5", "error_recovery": "on"}


@pytest.fixture
def boss() -> User:
    return factories.user(is_staff=True, is_superuser=True)


@pytest.fixture
def client(boss: User, settings: Settings, tmp_path: Path) -> Client:
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def project(db: None) -> Project:
    return factories.project(name="Office machines")


def run_of(project: Project, *, count: int = 4, schedule: str = "") -> GatherRun:
    """Submit a gather; nothing runs it."""
    parameters = {"projectId": project.slug, "gatherCount": count, "options": {"engines": ["sample"]}}
    new = NewTask(type_name="automated_gather", parameters=parameters, metadata={"schedule": schedule})
    return GatherRun.objects.get(task=submit([new], owner_id=project.owner_id)[0])


def one_of_everything(number: int) -> GatherRun:
    """Insert a row into every table of gathering."""
    project = factories.project(name=f"Project {number}")
    run = run_of(project)
    images = [factories.image(run.job, broken_images()["cut.jpg"] + bytes([number, each])) for each in range(2)]
    GatherRecord.objects.create(
        run=run, iteration=1, images=2, first_image_id=images[0].pk, last_image_id=images[1].pk, seconds=1.5,
        created_at=timezone.now(),
    )  # fmt: skip
    GatherSource.objects.create(
        project=project, keyword="laptop", engine="sample", cursor="x" * 99, updated_at=timezone.now()
    )
    ReceivedEvent.objects.create(
        body_sha256=str(number),
        task_public_id="t",
        event="progress",
        sent_at=timezone.now(),
        received_at=timezone.now(),
    )
    return run


def url(model: Any, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def text(response: Any) -> str:
    found: str = response.content.decode()
    return found


def test_every_table_has_a_page() -> None:
    url(GatherRun, "changelist")  # The console's pages are imported with the routes.
    assert [model for model in MODELS if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_longer_list_asks_the_database_no_more_often(client: Client, model: Any) -> None:
    counts = []
    for number in (1, 2, 3):
        one_of_everything(number)
        client.get(url(model, "changelist"))
        with CaptureQueriesContext(connection) as queries:
            response = client.get(url(model, "changelist"))
        assert response.status_code == 200
        counts.append(len(queries))
        assert len(response.context["cl"].result_list) == number
    assert len(set(counts)) == 1


@pytest.mark.parametrize("model", [GatherRecord, ReceivedEvent], ids=lambda model: model._meta.label)
def test_lists_of_tables_that_grow_fast_count_nothing(client: Client, model: Any) -> None:
    one_of_everything(1)
    with CaptureQueriesContext(connection) as queries:
        client.get(url(model, "changelist"))
    table = model._meta.db_table
    assert [query["sql"] for query in queries if "COUNT(" in query["sql"] and table in query["sql"]] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_rows_are_shown_found_and_not_changed(client: Client, model: Any) -> None:
    one_of_everything(1)
    row = model.objects.get()
    page = client.get(url(model, "change", row.pk))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    found = client.get(url(model, "changelist"), {"q": "t" if model is ReceivedEvent else "project-1"})
    assert [each.pk for each in found.context["cl"].result_list] == [row.pk]
    for verb, args in (("add", ()), ("delete", (row.pk,))):
        assert client.post(url(model, verb, *args), {"post": "yes"}).status_code == 403
    assert client.post(url(model, "change", row.pk), {"iteration": 9, "event": "error"}).status_code == 403


def test_a_run_shows_its_task_and_leads_to_what_belongs_to_it(client: Client) -> None:
    run = one_of_everything(1)
    factories.report(run.task, currentIteration=3, images=7)
    listed = text(client.get(url(GatherRun, "changelist")))
    assert "PROGRESS" in listed and "3 of 4" in listed
    shown = client.get(url(GatherRun, "change", run.pk))
    for target in (url(Task, "change", run.task_id), url(type(run.job), "change", run.job_id)):
        assert target in text(shown)
    records = client.get(url(GatherRecord, "changelist"), {"run__id__exact": run.pk})
    (record,) = records.context["cl"].result_list
    query = f"id__gte={record.first_image_id}&amp;id__lte={record.last_image_id}"
    assert query in text(records)
    ids = {"job__id__exact": run.job_id, "id__gte": record.first_image_id, "id__lte": record.last_image_id}
    images = client.get(url(Image, "changelist"), ids)
    assert len(images.context["cl"].result_list) == 2


@pytest.mark.parametrize(
    ("model", "filters", "number"),
    [
        (GatherRun, {"task__status": "pending"}, 1),
        (GatherRun, {"task__status": "failed"}, 0),
        (GatherRun, {"by": "schedule"}, 0),
        (GatherRun, {"by": "somebody"}, 1),
        (GatherRecord, {"new": "some"}, 1),
        (GatherRecord, {"new": "none"}, 0),
        (ReceivedEvent, {"event": "progress"}, 1),
        (ReceivedEvent, {"event": "error"}, 0),
    ],
)
def test_lists_are_filtered(client: Client, model: Any, filters: dict[str, str], number: int) -> None:
    one_of_everything(1)
    assert len(client.get(url(model, "changelist"), filters).context["cl"].result_list) == number


def test_a_run_is_cancelled_and_retried_after_a_question(client: Client, boss: User, project: Project) -> None:
    run = run_of(project)
    cancel, retry = (f"/admin/gather/gatherrun/{run.pk}/{verb}/" for verb in ("cancel", "retry"))
    shown = text(client.get(url(GatherRun, "change", run.pk)))
    assert cancel in shown and retry not in shown
    for ask in (client.get(cancel), client.post(cancel)):
        assert "Cancel the run" in text(ask)
    assert Task.objects.get(pk=run.task_id).status == State.PENDING
    done = client.post(cancel, {"confirmed": "yes"}, follow=True)
    assert "The run is cancelled" in text(done)
    assert cancel not in text(done) and retry in text(done)
    assert Task.objects.get(pk=run.task_id).status == State.CANCELLED
    assert "after iteration 0" in text(client.get(retry))
    assert "The run goes on" in text(client.post(retry, {"confirmed": "yes"}, follow=True))
    assert Task.objects.get(pk=run.task_id).status == State.PENDING
    entries = AuditEntry.objects.filter(action__startswith="gather_run.", actor=boss).order_by("id")
    assert [(entry.action, entry.address) for entry in entries] == [
        ("gather_run.cancelled", "127.0.0.1"),
        ("gather_run.retried", "127.0.0.1"),
    ]


def test_what_the_service_refuses_is_said(client: Client, project: Project) -> None:
    run = run_of(project)
    factories.end(run.task)
    for verb in ("cancel", "retry"):
        path = f"/admin/gather/gatherrun/{run.pk}/{verb}/"
        assert f"Cannot {verb}" in text(client.post(path, {"confirmed": "yes"}, follow=True))
    assert client.get("/admin/gather/gatherrun/999/cancel/").status_code == 404


def test_nothing_happens_without_the_forms_token_or_the_role(boss: User, project: Project, client: Client) -> None:
    run = run_of(project)
    path = f"/admin/gather/gatherrun/{run.pk}/cancel/"
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)
    nobody = Client()
    nobody.force_login(factories.user())
    clerk = Client()
    clerk.force_login(factories.user(is_staff=True, role=None))  # May see the console, but nothing of gathering.
    for page in (path, LIST, FORM):
        assert strict.post(page, {"confirmed": "yes"}).status_code == 403
        assert nobody.get(page).status_code == 302
        assert nobody.post(page, {"confirmed": "yes"}).status_code == 302
        assert clerk.post(page, {"confirmed": "yes"}).status_code == 403
    assert Task.objects.get(pk=run.task_id).status == State.PENDING


def test_a_schedule_is_made_from_the_projects_page_after_its_times_were_seen(
    client: Client, boss: User, project: Project
) -> None:
    assert f"{project.pk}/schedule-gather" in text(client.get(url(Project, "changelist")))
    form = client.get(f"/admin/jobs/project/{project.pk}/schedule-gather/", follow=True)
    assert 'value="office-machines"' in text(form)
    wanted = {**WANTED, "project": "office-machines", "keywords": "laptop, desk\nlamp", "engines": "sample"}
    preview = text(client.post(FORM, wanted))
    assert "At 03:00 AM, only on Monday" in preview and preview.count("03:00 UTC") == 3
    assert not PeriodicTask.objects.filter(name=NAME).exists()
    made = client.post(FORM, {**wanted, "confirmed": "yes"}, follow=True)
    assert made.redirect_chain == [(LIST, 302)]
    assert "At 03:00 AM, only on Monday" in text(made)
    row = PeriodicTask.objects.get(name=NAME)
    options = json.loads(row.kwargs)["parameters"]["options"]
    assert (options["keywords"], options["engines"]) == (["laptop", "desk", "lamp"], ["sample"])
    assert AuditEntry.objects.get(action="schedule.created").actor == boss


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"project": "nowhere"}, "There is no project"),
        ({"cron": "0 99 * * *"}, "hour: &#x27;99&#x27; is not understood"),
        ({"timezone": "Mars"}, "no time zone"),
        ({"count": "101"}, "less than or equal to 100"),
        ({"engines": "nowhere"}, "nowhere"),
        ({"name": "ledger housekeeping"}, "another schedule"),
    ],
)
def test_what_is_wrong_is_said_beside_the_form(
    client: Client, project: Project, values: dict[str, str], words: str
) -> None:
    before = PeriodicTask.objects.count()
    sent = {**WANTED, "project": "office-machines", **values, "confirmed": "yes"}
    assert words in text(client.post(FORM, sent))
    assert PeriodicTask.objects.count() == before


def test_an_edit_is_not_overwritten_unless_the_form_says_so(client: Client, project: Project) -> None:
    schedule_gather(project, cron="0 4 * * *", count=4)
    sent = {**WANTED, "project": "office-machines", "confirmed": "yes"}
    assert "cron 0 4 * * *, not 0 3 * * mon" in text(client.post(FORM, sent))
    assert "updated" in text(client.post(FORM, {**sent, "update": "on"}, follow=True))


def test_schedules_are_listed_and_removed_after_a_question_and_switched_elsewhere(
    client: Client, project: Project
) -> None:
    assert "No gather is scheduled" in text(client.get(LIST))
    row = schedule_gather(project, cron="0 3 * * *", count=4).row
    run = run_of(project, schedule=NAME)
    shown = text(client.get(LIST))
    assert "At 03:00 AM" in shown and url(GatherRun, "change", run.pk) in shown
    assert url(PeriodicTask, "change", row.pk) in shown
    assert 'value="pause"' not in shown, "there is one place to switch it, the schedule's own page"
    pause(NAME)
    assert ">off<" in "".join(text(client.get(LIST)).split())
    assert "Remove it" in text(client.post(LIST, {"name": NAME, "verb": "remove"}))
    assert PeriodicTask.objects.filter(pk=row.pk).exists()
    client.post(LIST, {"name": NAME, "verb": "remove", "confirmed": "yes"})
    assert not PeriodicTask.objects.filter(pk=row.pk).exists()
    again = client.post(LIST, {"name": NAME, "verb": "remove", "confirmed": "yes"}, follow=True)
    assert "There is no gather schedule" in text(again)


def test_the_schedulers_own_list_says_in_words_when_each_runs(client: Client, project: Project) -> None:
    row = schedule_gather(project, cron="0 3 * * *", count=4).row
    shown = text(client.get(url(PeriodicTask, "changelist")))
    assert NAME in shown and "At 03:00 AM" in shown
    page = text(client.get(url(PeriodicTask, "change", row.pk)))
    assert "At 03:00 AM" in page
