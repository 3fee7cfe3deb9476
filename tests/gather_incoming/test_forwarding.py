"""Accepted events reach another WebSocket server, where the operator has one (CONTRACT G32, G34)."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from gather.models import ReceivedEvent
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tasktypes.services.cancel import cancel_task
from tests.gather_incoming.conftest import deliver, document, post
from tests.ledger import run_all
from tests.webhooks.conftest import retry_now
from tests.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db
FORWARD = "gather.forward_event"


@pytest.fixture
def server(settings: Settings) -> Iterator[Receiver]:
    """A server on a private address; nothing but its own setting allows it."""
    with receiving() as state:
        settings.PIXTASKS_FETCH_ALLOW = []
        settings.WEBSOCKET_SERVER_URL = f"http://127.0.0.1:{state.port}"
        settings.INTERNAL_API_SECRET = "between-us"
        yield state


def test_an_event_is_posted_with_the_secret_as_channel_and_data(server: Receiver) -> None:
    assert deliver(document()).status_code == 200
    assert run_all() == 1
    (request,) = server.requests
    assert (request.path, request.headers["X-Internal-Secret"]) == ("/broadcast", "between-us")
    assert request.headers["Content-Type"] == "application/json"
    assert request.document == {
        "channel": "task:abc123-def456",
        "data": {
            "taskId": "abc123-def456",
            "event": "progress",
            "timestamp": "2025-10-04T12:00:00Z",
            "data": document()["data"],
        },
    }
    assert Task.objects.get(type_name=FORWARD).result == {"http_status": 200}


def test_what_is_known_and_unfinished_is_forwarded_by_its_public_id(
    server: Receiver, outside: Task, handled: Task
) -> None:
    deliver(document(str(outside.pk)))
    deliver(document(handled.public_id))
    run_all()
    assert {request.document["channel"] for request in server.requests} == {
        f"task:{outside.public_id}",
        f"task:{handled.public_id}",
    }


def test_what_changes_nothing_is_not_forwarded(server: Receiver, outside: Task) -> None:
    assert post(document()).status_code == 401
    deliver(document(outside.public_id, iteration=5))
    deliver(document(outside.public_id, iteration=4))
    deliver(document(outside.public_id, iteration=5))
    cancel_task(outside.pk)
    deliver(document(outside.public_id, iteration=6))
    assert Task.objects.filter(type_name=FORWARD).count() == 1


def test_without_another_server_nothing_is_submitted() -> None:
    assert deliver(document()).status_code == 200
    assert not Task.objects.exists()


@pytest.mark.parametrize("answer", [500, 404, 302, (302, {"Location": "http://127.0.0.1:1/"}, b"")])
def test_a_server_that_does_not_take_it_is_tried_again(server: Receiver, answer: int) -> None:
    server.answers = [answer]
    deliver(document())
    run_all()
    task = Task.objects.get(type_name=FORWARD)
    assert (task.status, task.retries) == ("pending", 1)
    retry_now()
    task.refresh_from_db()
    assert (task.status, len(server.requests)) == ("completed", 2)


def test_a_server_that_is_away_is_tried_again_until_the_budget_is_used_up(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Nobody listens there.
        settings.WEBSOCKET_SERVER_URL = f"http://localhost:{taken.getsockname()[1]}"
        deliver(document())
        run_all()
        for _ in range(5):
            retry_now()
    task = Task.objects.get(type_name=FORWARD)
    assert (task.status, task.retries) == ("failed", 5)
    assert "refused" in str(task.error_message)


def test_a_name_is_resolved_and_an_endless_answer_does_not_matter(server: Receiver, settings: Settings) -> None:
    settings.WEBSOCKET_SERVER_URL = f"http://localhost:{server.port}"
    server.answers = [(200, {}, b"x" * 200_000)]
    deliver(document())
    run_all()
    assert Task.objects.get(type_name=FORWARD).status == "completed"


def test_a_server_that_was_taken_out_ends_what_waits_for_it(server: Receiver, settings: Settings) -> None:
    deliver(document())
    settings.WEBSOCKET_SERVER_URL = ""
    run_all()
    task = Task.objects.get(type_name=FORWARD)
    assert (task.status, task.error_message) == ("failed", "WEBSOCKET_SERVER_URL is not set any more")


def test_an_event_that_was_forgotten_meanwhile_ends_its_task(server: Receiver) -> None:
    deliver(document())
    ReceivedEvent.objects.all().delete()
    run_all()
    assert Task.objects.get(type_name=FORWARD).error_message == "There is no such received event"
    assert server.requests == []


def test_nobody_submits_it_by_hand(ann: User) -> None:
    handler = handlers.get(FORWARD)
    assert handler is not None
    with pytest.raises(AccessDenied):
        handler.check_caller(handler.Params(event_id=1), ann)
