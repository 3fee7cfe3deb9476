"""The console shows every table of the ledger and of image datasets, and changes none."""

from __future__ import annotations

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
from pytest_django import Settings

from jobs.models import DecisionKind, EngineState, Image, Level
from jobs.services.decisions import Choice, decide
from jobs.services.failures import FailureFilter
from jobs.services.opt_outs import add_opt_out
from jobs.services.refetch import start_refetch
from jobs.services.releases import release
from pixtasks.accounts.models import User
from tasktypes.models import Bucket, BucketStart, Process, ScheduledSlot, TaskType
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.throughput import note_faults
from tasktypes.states import State
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests import factories
from tests.images import broken_images
from tests.ledger import live_worker

pytestmark = pytest.mark.django_db
MODELS = [model for label in ("jobs", "tasktypes") for model in apps.get_app_config(label).get_models()]
# The list of engines is of those that are installed; how often it asks is told in test_query_counts.
LISTS = [model for model in MODELS if model is not EngineState]


@pytest.fixture
def client(settings: Settings, tmp_path: Path) -> Client:
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(factories.user(is_staff=True, is_superuser=True))
    return client


def one_of_everything(number: int) -> None:
    """Insert rows into every table."""
    owner = factories.user()
    job = factories.started_job(owner=owner)
    factories.image(job, broken_images()["cut.jpg"] + bytes([number]))
    factories.failure(job)
    factories.end_job(job)
    moving = factories.started_job(owner=owner, keywords=["fox", "owl"], rebalance=True)
    factories.end(factories.tasks_of(moving)[0], State.FAILED)
    failed = factories.started_job(owner=owner)
    factories.failure(failed, "timeout")
    factories.validated(job, Level.MEDIUM, owner)
    live_worker(name=f"worker{number}@tests")
    Process.objects.create(
        name=f"dispatcher@host{number}",
        role="dispatcher",
        pid=1,
        started_at=timezone.now(),
        heartbeat_at=timezone.now(),
    )
    TaskType.objects.create(name=f"type {number}", created_by=owner)
    bucket = Bucket.objects.create(key=f"bucket {number}")
    BucketStart.objects.create(bucket=bucket, started_at=timezone.now())
    ScheduledSlot.objects.create(name=f"slot {number}", slot=timezone.now())
    start_refetch(factories.end_job(failed), FailureFilter(outcomes=("timeout",)), owner)
    decide([Choice((Image.objects.filter(job=job).earliest("pk").pk,), DecisionKind.KEEP)], actor=owner)
    held = factories.image(job, quarantine="unknown_license")
    release(held, reason="agreed", actor=owner)
    EngineState.objects.create(name=f"engine{number}", last_error="HTTP 503", last_error_at=timezone.now())
    note_faults([("source", "HTTP 503", None)])
    add_opt_out(kind="domain", value=f"site{number}.example")
    endpoint, _ = create_endpoint(owner=owner, url="https://hooks.example.com/")
    factories.end(submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=owner.pk)[0])
    assert endpoint.deliveries.count() == 1


def url(model: Any, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_table_has_a_page() -> None:
    reverse("admin:index")  # The console's pages come with the routes.
    assert [model for model in MODELS if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", LISTS, ids=lambda model: model._meta.label)
def test_a_longer_list_asks_the_database_no_more_often(client: Client, model: Any) -> None:
    counts = []
    for number in (1, 2, 3):
        one_of_everything(number)
        client.get(url(model, "changelist"))  # What is remembered between requests is asked for once.
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = client.get(url(model, "changelist"))
        assert response.status_code == 200
        counts.append(len(queries))
    assert response.context["cl"].result_count >= 3
    assert len(set(counts)) == 1


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_rows_are_shown_found_and_not_changed(client: Client, model: Any) -> None:
    one_of_everything(1)
    row = model.objects.first()
    page = client.get(url(model, "change", row.pk))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert client.get(url(model, "changelist"), {"q": "x"}).status_code == 200
    for verb, args in (("add", ()), ("delete", (row.pk,))):
        assert client.post(url(model, verb, *args), {"post": "yes"}).status_code == 403
    client.post(url(model, "change", row.pk), {"name": "changed"})
    assert str(model.objects.get(pk=row.pk)) == str(row)


def test_jobs_are_filtered_by_what_they_read_as(client: Client, db: None) -> None:
    pending = factories.job(name="still pending")
    failed = factories.end_job(factories.started_job(name="has failed"), State.FAILED)
    model = type(pending)
    for status, shown in (("pending", pending), ("failed", failed)):
        rows = client.get(url(model, "changelist"), {"status": status}).context["cl"].result_list
        assert [row.pk for row in rows] == [shown.pk]


def test_only_staff_see_it(client: Client) -> None:
    other = Client()
    other.force_login(factories.user())
    assert other.get(url(User, "changelist")).status_code == 302
    assert other.get(url(MODELS[0], "changelist")).status_code == 302
