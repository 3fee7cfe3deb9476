"""Webhooks over HTTP: ``/api/webhooks/``."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import AuditEntry, IdempotencyRecord, User
from tasktypes.models import WebhookDelivery, WebhookEndpoint
from tasktypes.webhooks.api.urls import urlpatterns
from tests import factories
from tests.ledger import run_all
from tests.webhooks.conftest import delivery, endpoint_of, put, ran
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db
ENDPOINTS = "/api/webhooks/endpoints"
DELIVERIES = "/api/webhooks/deliveries"
URL = "https://hooks.example.com/pixtasks?token=t0ken"
DENIED = {"detail": "Access denied to this resource"}


@pytest.fixture
def client(ann: User) -> APIClient:
    return factories.client_of(ann)


def create(client: APIClient, **body: Any) -> Any:
    response = client.post(ENDPOINTS, {"url": URL, **body}, format="json")
    assert response.status_code == 201, response.content
    return response.json()


def test_an_endpoint_is_made_and_its_secret_shown_once(client: APIClient, ann: User) -> None:
    response = client.post(ENDPOINTS, {"url": URL}, format="json")
    made = response.json()
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": made["id"],
        "url": URL,
        "description": "",
        "events": ["task.completed", "task.failed", "task.cancelled"],
        "task_type": None,
        "task_id": None,
        "project_id": None,
        "is_active": True,
        "owner": ann.email,
        "previous_secret_expires_at": None,
        "created_at": made["created_at"],
        "updated_at": made["updated_at"],
    }
    one, page = client.get(f"{ENDPOINTS}/{made['id']}"), client.get(ENDPOINTS)
    assert one.json() == made
    assert page.json() == {"items": [made], "next": None}
    assert secret not in one.content.decode() + page.content.decode()


def test_lists_come_in_pages_newest_first(client: APIClient) -> None:
    ids = [create(client)["id"] for _ in range(3)]
    first = client.get(ENDPOINTS, {"limit": 2}).json()
    second = client.get(ENDPOINTS, {"limit": 2, "cursor": first["next"]}).json()
    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None


def test_it_can_be_narrowed_to_events_a_type_and_a_task(client: APIClient, ann: User) -> None:
    task = put(ann)
    made = create(client, events=["task.failed", "task.failed"], task_type="tests.echo", task_id=task.public_id)
    assert (made["events"], made["task_type"], made["task_id"]) == (["task.failed"], "tests.echo", task.pk)
    assert create(client, task_id=task.pk)["task_id"] == task.pk


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://user:password@example.com/"}, "url"),
        ({"url": "http://127.0.0.1:8001/"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["task.started"]}, "events"),
        ({"url": URL, "owner": "somebody"}, "owner"),
        ({"url": URL, "secret": "mine"}, "secret"),
        ({"url": URL, "task_id": 0}, "task_id"),
    ],
)
def test_what_is_wrong_is_named(client: APIClient, body: Any, where: str) -> None:
    response = client.post(ENDPOINTS, body, format="json")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"][:2] == ["body", where]
    assert WebhookEndpoint.objects.count() == 0


def test_unknown_types_and_tasks_are_refused(client: APIClient, bob: User) -> None:
    response = client.post(ENDPOINTS, {"url": URL, "task_type": "nothing"}, format="json")
    assert (response.status_code, response.json()) == (400, {"detail": "Unknown task type: nothing"})
    for unknown in (999_999, "999999", str(uuid.uuid4())):
        response = client.post(ENDPOINTS, {"url": URL, "task_id": unknown}, format="json")
        assert (response.status_code, response.json()) == (404, {"detail": f"Task {unknown} not found"})
    response = client.post(ENDPOINTS, {"url": URL, "task_id": put(bob).pk}, format="json")
    assert (response.status_code, response.json()) == (403, DENIED)


def test_an_endpoint_is_changed_in_parts(client: APIClient) -> None:
    made = create(client, task_type="tests.echo", description="mine")
    url = f"{ENDPOINTS}/{made['id']}"
    assert client.patch(url, {"is_active": False}, format="json").json()["is_active"] is False
    changed = client.patch(url, {"url": "https://example.com/", "events": ["task.failed"]}, format="json").json()
    assert (changed["url"], changed["events"]) == ("https://example.com/", ["task.failed"])
    assert (changed["is_active"], changed["task_type"], changed["description"]) == (False, "tests.echo", "mine")
    assert client.patch(url, {"task_type": None}, format="json").json()["task_type"] is None
    assert client.patch(url, {}, format="json").status_code == 200
    for wrong in ({"url": "http://10.0.0.1/"}, {"is_active": None}, {"is_active": "yes"}, {"events": None}, {"id": 3}):
        assert client.patch(url, wrong, format="json").status_code == 422, wrong
    assert client.patch(url, {"task_type": "nothing"}, format="json").status_code == 400


def test_a_deleted_endpoint_is_gone_and_its_log_stays(client: APIClient, ann: User, receiver: Receiver) -> None:
    made = create(client, url=receiver.url)
    ran(ann)
    url = f"{ENDPOINTS}/{made['id']}"
    assert client.delete(url).status_code == 204
    for response in (client.get(url), client.delete(url), client.patch(url, {}, format="json")):
        assert (response.status_code, response.json()) == (404, {"detail": "Webhook endpoint not found"})
    assert client.get(ENDPOINTS).json()["items"] == []
    assert [item["state"] for item in client.get(DELIVERIES).json()["items"]] == ["delivered"]
    assert made["secret"] not in str(WebhookEndpoint.objects.values().get())


def test_rotating_shows_the_new_secret_once(client: APIClient) -> None:
    made = create(client)
    url = f"{ENDPOINTS}/{made['id']}"
    rotated = client.post(f"{url}/rotate").json()
    assert rotated["secret"].startswith("whsec_") and rotated["secret"] != made["secret"]
    assert rotated["previous_secret_expires_at"] > made["created_at"]
    seen = client.get(url)
    assert seen.json()["previous_secret_expires_at"] == rotated["previous_secret_expires_at"]
    assert made["secret"] not in seen.content.decode() and rotated["secret"] not in seen.content.decode()
    ended = client.post(f"{url}/rotate", {"overlap_seconds": 0}, format="json").json()
    assert ended["previous_secret_expires_at"] is None
    for wrong in (-1, 30 * 86_400 + 1, "1", None):
        assert client.post(f"{url}/rotate", {"overlap_seconds": wrong}, format="json").status_code == 422


def test_a_repeated_request_makes_one_endpoint_and_stores_no_secret(client: APIClient) -> None:
    key = {"HTTP_IDEMPOTENCY_KEY": "one"}
    first = client.post(ENDPOINTS, {"url": URL}, format="json", **key)
    again = client.post(ENDPOINTS, {"url": URL}, format="json", **key)
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == {**first.json(), "secret": None}
    assert WebhookEndpoint.objects.count() == 1
    rotated = client.post(f"{ENDPOINTS}/{first.json()['id']}/rotate", **key)
    assert client.post(f"{ENDPOINTS}/{first.json()['id']}/rotate", **key).json()["secret"] is None
    stored = "".join(IdempotencyRecord.objects.values_list("body", flat=True))
    assert first.json()["secret"] not in stored and rotated.json()["secret"] not in stored


def test_the_delivery_log_shows_every_try(client: APIClient, ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [410]
    task = ran(ann)
    row = delivery()
    page = client.get(DELIVERIES).json()
    (item,) = page["items"]
    attempt = item["attempts"][0]
    assert page["next"] is None
    assert item == {
        "id": str(row.event_id),
        "endpoint_id": row.endpoint_id,
        "event": "task.completed",
        "subject": f"task:{task.public_id}",
        "task_id": task.public_id,
        "task_number": task.pk,
        "state": "dead",
        "attempts": [
            {
                "at": attempt["at"],
                "http_status": 410,
                "duration_ms": attempt["duration_ms"],
                "error": "The receiver says that it is gone for good (HTTP 410)",
            }
        ],
        "created_at": item["created_at"],
        "ended_at": item["ended_at"],
    }
    detail = client.get(f"{DELIVERIES}/{row.event_id}").json()
    assert detail == {**item, "body": receiver.requests[0].document}


def test_the_log_can_be_filtered(client: APIClient, ann: User, receiver: Receiver) -> None:
    endpoint, _ = endpoint_of(ann, receiver)
    other, _ = endpoint_of(ann, receiver, events=["task.failed"])
    task = ran(ann)
    failed = ran(ann, permanent=True)

    def found(**query: Any) -> list[tuple[int, str]]:
        items = client.get(DELIVERIES, query).json()["items"]
        return sorted((item["endpoint_id"], item["event"]) for item in items)

    completed, failure = (endpoint.pk, "task.completed"), (endpoint.pk, "task.failed")
    assert found() == [completed, failure, (other.pk, "task.failed")]
    assert found(endpoint_id=other.pk) == [(other.pk, "task.failed")]
    assert found(task_id=task.pk) == found(task_id=task.public_id) == [completed]
    assert found(event="task.failed", endpoint_id=endpoint.pk, task_id=failed.pk) == [failure]
    assert len(found(state="delivered")) == 3
    assert found(state="dead") == found(task_id="9" * 30) == []
    first = client.get(DELIVERIES, {"limit": 2}).json()
    assert len(client.get(DELIVERIES, {"limit": 2, "cursor": first["next"]}).json()["items"]) == 1
    for wrong in ({"state": "lost"}, {"event": "task.started"}, {"endpoint_id": "x"}, {"limit": 0}, {"cursor": "x"}):
        assert client.get(DELIVERIES, wrong).status_code == 422, wrong


def test_a_delivery_is_sent_again_at_the_press_of_a_button(client: APIClient, ann: User, receiver: Receiver) -> None:
    endpoint, _ = endpoint_of(ann, receiver)
    receiver.answers = [410]
    ran(ann)
    url = f"{DELIVERIES}/{delivery().event_id}"
    response = client.post(f"{url}/redeliver", HTTP_IDEMPOTENCY_KEY="again")
    assert (response.status_code, response.json()["state"]) == (202, "pending")
    assert client.post(f"{url}/redeliver", HTTP_IDEMPOTENCY_KEY="again").json() == response.json()
    assert client.post(f"{url}/redeliver").status_code == 409
    run_all()
    assert client.get(url).json()["state"] == "delivered"
    assert len(receiver.requests) == 2
    client.patch(f"{ENDPOINTS}/{endpoint.pk}", {"is_active": False}, format="json")
    response = client.post(f"{url}/redeliver")
    assert (response.status_code, response.json()["detail"][-19:]) == (400, "switch it on first.")
    unknown = client.post(f"{DELIVERIES}/{uuid.uuid4()}/redeliver")
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Webhook delivery not found"})


# Route, method, body: what belongs to somebody.
OWNED: list[tuple[str, str, Any]] = [
    ("webhook-endpoint", "get", None),
    ("webhook-endpoint", "patch", {"is_active": False}),
    ("webhook-endpoint", "delete", None),
    ("webhook-endpoint-rotate", "post", {}),
    ("webhook-delivery", "get", None),
    ("webhook-redeliver", "post", None),
]
COLLECTIONS: list[tuple[str, str, Any]] = [
    ("webhook-endpoints", "get", None),
    ("webhook-endpoints", "post", {"url": URL}),
    ("webhook-deliveries", "get", None),
]


@pytest.fixture
def urls(ann: User, receiver: Receiver) -> dict[str, str]:
    """The address of every route, with an endpoint and a delivery of ann's."""
    endpoint, _ = endpoint_of(ann, receiver)
    ran(ann)
    keys = {"endpoint_id": endpoint.pk, "delivery_id": delivery().event_id}
    return {
        route.name: reverse(
            route.name, kwargs={name: value for name, value in keys.items() if f"{name}>" in str(route.pattern)}
        )
        for route in urlpatterns
    }


def test_every_route_is_walked_below(urls: dict[str, str]) -> None:
    named = {(name, method) for name, method, _ in OWNED + COLLECTIONS}
    offered = {
        (route.name, method)
        for route in urlpatterns
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(route.callback.view_class, method)
    }
    assert named == offered


@pytest.mark.parametrize(("name", "method", "body"), OWNED)
def test_somebody_elses_objects_are_refused(urls: dict[str, str], bob: User, name: str, method: str, body: Any) -> None:
    """CONTRACT X23."""
    before = list(WebhookEndpoint.objects.values()), list(WebhookDelivery.objects.values())
    response = getattr(factories.client_of(bob), method)(urls[name], body, format="json")
    assert (response.status_code, response.json()) == (403, DENIED)
    assert (list(WebhookEndpoint.objects.values()), list(WebhookDelivery.objects.values())) == before


def test_lists_hold_ones_own_and_staff_see_all(urls: dict[str, str], bob: User) -> None:
    boss = factories.client_of(factories.user(is_staff=True))
    stranger = factories.client_of(bob)
    for name in ("webhook-endpoints", "webhook-deliveries"):
        assert stranger.get(urls[name]).json()["items"] == []
        assert len(boss.get(urls[name]).json()["items"]) == 1


@pytest.mark.parametrize(("name", "method", "body"), OWNED + COLLECTIONS)
def test_credentials_are_needed_where_the_anonymous_api_is_off(
    urls: dict[str, str], settings: Settings, name: str, method: str, body: Any
) -> None:
    """CONTRACT X07."""
    settings.PIXTASKS_ANONYMOUS_API = False
    response = getattr(APIClient(), method)(urls[name], body, format="json")
    assert (response.status_code, set(response.json())) == (401, {"detail"})


def test_nobody_in_particular_is_local_while_it_is_on(settings: Settings, receiver: Receiver) -> None:
    settings.PIXTASKS_ANONYMOUS_API = True
    made = create(APIClient(), url=receiver.url)
    assert made["owner"] == "local"
    ran(User.objects.get(email="local@localhost"))
    assert receiver.events == ["task.completed"]
    response = APIClient().get(ENDPOINTS, HTTP_AUTHORIZATION="Bearer wrong")
    assert response.status_code == 401


def test_both_slash_forms_are_answered_and_errors_have_their_form(client: APIClient) -> None:
    """CONTRACT X08, X09."""
    assert client.get(f"{ENDPOINTS}/").status_code == client.get(ENDPOINTS).status_code == 200
    assert set(client.put(ENDPOINTS).json()) == {"detail"}
    assert client.get("/api/webhooks/nothing").json() == {"detail": "Not found"}
    assert client.get(f"{ENDPOINTS}/{10**30}").status_code == 404
    reserved = client.get("/api/webhooks/automated-gather-progress").json()
    assert set(reserved) == {"error", "message", "statusCode"}


def test_changes_are_audited_and_the_logs_hold_neither_secret_nor_token(
    client: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = create(client)
    url = f"{ENDPOINTS}/{made['id']}"
    rotated = client.post(f"{url}/rotate").json()
    client.patch(url, {"url": f"{URL}&more=1"}, format="json")
    client.delete(url)
    entries = list(AuditEntry.objects.filter(action__startswith="webhook.").order_by("id"))
    assert [entry.action.partition(".")[2] for entry in entries] == ["created", "rotated", "changed", "deleted"]
    told = caplog.text + "".join(str(entry.detail) for entry in entries)
    assert not [text for text in (made["secret"], rotated["secret"], "t0ken") if text in told]
    assert "hooks.example.com" in told


def test_the_console_shows_no_secret_and_sends_again(ann: User, receiver: Receiver) -> None:
    endpoint, secret = endpoint_of(ann, receiver)
    ran(ann)
    console = Client()
    console.force_login(factories.user(is_staff=True, is_superuser=True))
    pages = [
        reverse("admin:tasktypes_webhookendpoint_changelist"),
        reverse("admin:tasktypes_webhookendpoint_change", args=[endpoint.pk]),
        reverse("admin:tasktypes_webhookdelivery_change", args=[delivery().pk]),
    ]
    for page in pages:
        response = console.get(page)
        assert response.status_code == 200
        assert secret not in response.content.decode()
    listed = reverse("admin:tasktypes_webhookdelivery_changelist")
    assert "Send again" in console.get(listed).content.decode()
    press = {"action": "send_again", "_selected_action": [delivery().pk]}
    asked = console.post(listed, press)
    assert asked.status_code == 200 and delivery().state == "delivered", "a question first"
    press["confirmed"] = "yes"
    assert console.post(listed, press).status_code == 302
    assert delivery().state == "pending"
    console.post(listed, press)
    run_all()
    assert len(receiver.requests) == 2


def test_every_operation_is_in_the_openapi_document(db: None) -> None:
    document = Client().get("/openapi.json").json()
    operations = {
        (path, method): operation
        for path, methods in document["paths"].items()
        if path.startswith(("/api/webhooks/endpoints", "/api/webhooks/deliveries"))
        for method, operation in methods.items()
    }
    assert len(operations) == len(OWNED) + len(COLLECTIONS)
    for (path, method), operation in operations.items():
        assert operation["tags"] == ["Webhooks"] and operation["summary"]
        assert {"401", "429", "503"} <= set(operation["responses"])
        assert "{" not in path or {"403", "404"} <= set(operation["responses"])
        sent = operation.get("requestBody")
        assert not sent or {"413", "415", "422"} <= set(operation["responses"]), (path, method)
    shown = document["components"]["schemas"]["WebhookEndpoint"]["properties"]
    assert "secret" not in shown
