"""The console sends a delivery again after a question."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from pixtasks.accounts.models import AuditEntry, User
from tasktypes.models import Task, WebhookDelivery, WebhookEndpoint
from tasktypes.webhooks.models import DeliveryState
from tasktypes.webhooks.services.events import DELIVER
from tests import factories

pytestmark = pytest.mark.django_db
SURE = {"_form_submitted": "True"}


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
def dead() -> WebhookDelivery:
    """A delivery to somebody's endpoint that was given up."""
    endpoint = WebhookEndpoint.objects.create(owner=factories.user(), url="https://hooks.example.com/", secret="s")
    now = timezone.now()
    return WebhookDelivery.objects.create(
        endpoint=endpoint, subject="job:7", event="job.failed", body="{}", state=DeliveryState.DEAD,
        created_at=now, ended_at=now,
    )  # fmt: skip


def path_of(delivery: WebhookDelivery) -> str:
    return reverse("admin:tasktypes_webhookdelivery_send_one_again", args=[delivery.pk])


def page_of(delivery: WebhookDelivery) -> str:
    return reverse("admin:tasktypes_webhookdelivery_change", args=[delivery.pk])


def test_a_delivery_is_sent_again_after_a_question(client: Client, boss: User, dead: WebhookDelivery) -> None:
    path = path_of(dead)
    for page in (reverse("admin:tasktypes_webhookdelivery_changelist"), page_of(dead)):
        assert path in client.get(page).content.decode()
    asked = client.get(path)
    assert asked.status_code == 200
    assert b"Send this delivery again?" in asked.content
    dead.refresh_from_db()
    assert (dead.state, AuditEntry.objects.count(), Task.objects.count()) == ("dead", 0, 0)
    done = client.post(path, SURE)
    assert (done.status_code, done["HX-Redirect"]) == (200, page_of(dead))
    assert f"{dead.event_id} will be sent again." in client.get(page_of(dead)).content.decode()
    dead.refresh_from_db()
    assert dead.state == "pending"
    assert Task.objects.get(pk=dead.sender_id).type_name == DELIVER
    entry = AuditEntry.objects.get(action="webhook.redelivered")
    assert (entry.actor, entry.address, entry.object_id) == (boss, "127.0.0.1", str(dead.event_id))


def test_a_delivery_that_is_still_tried_is_not_sent_twice(client: Client, dead: WebhookDelivery) -> None:
    for _ in range(2):
        client.post(path_of(dead), SURE)
    assert "still being tried" in client.get(page_of(dead)).content.decode()
    assert AuditEntry.objects.filter(action="webhook.redelivered").count() == 1
    assert client.post("/admin/tasktypes/webhookdelivery/999/send-again", SURE).status_code == 404


def test_nothing_is_sent_without_the_forms_token_or_the_role(client: Client, boss: User, dead: WebhookDelivery) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)
    clerk = Client()
    clerk.force_login(factories.user(is_staff=True, role=None))
    for somebody in (strict, clerk):
        assert somebody.post(path_of(dead), SURE).status_code == 403
    nobody = Client()
    nobody.force_login(factories.user())
    assert nobody.post(path_of(dead), SURE).status_code == 302
    dead.refresh_from_db()
    assert dead.state == "dead"
