"""Accepted events go on to another WebSocket server, where the operator has one (CONTRACT G32, G34)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from gather.models import ReceivedEvent
from pixtasks.common.json import dump_json
from pixtasks.common.net.curl import GuardedHandle
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from pixtasks.common.net.urls import BadUrlError, prepare_url
from pixtasks.common.times import wire_time
from tasktypes.handlers import PermanentFailure
from tasktypes.services.submit import NewTask, submit

FORWARD: Final = "gather.forward_event"
SECRET_HEADER: Final = "X-Internal-Secret"  # noqa: S105 -- a header's name
_ANSWER_BYTES: Final = 65_536
_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 5.0


class ForwardingFailed(Exception):
    """The server did not take it; the ledger tries again."""


def forward(received: ReceivedEvent) -> None:
    """Have an event sent to the other WebSocket server, where there is one. Call it inside the storing transaction."""
    if settings.WEBSOCKET_SERVER_URL:
        submit([NewTask(type_name=FORWARD, parameters={"event_id": received.pk})], owner_id=None)


def frame_of(received: ReceivedEvent) -> dict[str, Any]:
    """Return what is sent: ``{channel, data}``, as CONTRACT G39 has it."""
    return {
        "channel": f"task:{received.task_public_id}",
        "data": {
            "taskId": received.task_public_id,
            "event": received.event,
            "timestamp": wire_time(received.sent_at),
            "data": received.data,
        },
    }


def send(event_id: int) -> dict[str, Any]:
    """Post one event to ``<WEBSOCKET_SERVER_URL>/broadcast`` and return the result of the task.

    Raises:
        ForwardingFailed: not taken; try again.
        PermanentFailure: there is nothing to send, or nowhere.
    """
    received = ReceivedEvent.objects.filter(pk=event_id).first()
    if received is None:
        raise PermanentFailure("There is no such received event")
    server = settings.WEBSOCKET_SERVER_URL
    if not server:
        raise PermanentFailure("WEBSOCKET_SERVER_URL is not set any more")
    try:
        address, _ = prepare_url(f"{server}/broadcast")
        port = urlsplit(address).port or (443 if address.startswith("https:") else 80)
    except (BadUrlError, ValueError) as error:
        raise PermanentFailure(f"WEBSOCKET_SERVER_URL is not an address that can be called: {error}") from error
    return {"http_status": _post(address, port, dump_json(frame_of(received)))}


def _post(address: str, port: int, body: bytes) -> int:
    received = 0

    def write(piece: bytes) -> int | None:
        nonlocal received
        received += len(piece)
        return -1 if received > _ANSWER_BYTES else None

    handle = GuardedHandle(
        # The address is the operator's own configuration and may be private; redirects are not followed, so that
        # nothing but this one server is reached.
        AddressPolicy([f"0.0.0.0/0:{port}", f"[::/0]:{port}"]),
        FetchLimits(
            max_bytes=_ANSWER_BYTES,
            connect_seconds=_CONNECT_SECONDS,
            read_seconds=_SECONDS,
            total_seconds=_SECONDS,
            max_redirects=0,
            contact=settings.PIXTASKS_USER_AGENT_CONTACT,
        ),
        write=write,
        headers=["Content-Type: application/json", "Expect:", f"{SECRET_HEADER}: {settings.INTERNAL_API_SECRET}"],
        follow=False,
    )
    try:
        failure = handle.post(address, body)
        if failure is not None:
            outcome, detail = failure
            raise ForwardingFailed(f"{outcome.description} ({detail})")
        if not 200 <= handle.status < 300:
            raise ForwardingFailed(f"The WebSocket server answered with HTTP {handle.status}")
        return handle.status
    finally:
        handle.close()
