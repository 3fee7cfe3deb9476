"""One try of one delivery: a signed POST through the guarded client, and what is written down about it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from pixtasks.common.net.curl import GuardedHandle
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from pixtasks.common.net.outcomes import Outcome
from pixtasks.common.net.urls import BadUrlError, prepare_url
from pixtasks.common.signing import (
    ID_HEADER,
    PREVIOUS_SIGNATURE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    sign,
)
from pixtasks.common.sql import update_returning
from pixtasks.common.times import wire_time
from tasktypes.handlers import PermanentFailure
from tasktypes.models import WebhookDelivery
from tasktypes.webhooks.models import DeliveryState, WebhookEvent

_ANSWER_BYTES: Final = 65_536
_CONNECT_SECONDS: Final = 5.0
_ATTEMPTS_KEPT: Final = 100
_HOPELESS: Final = frozenset((Outcome.BLOCKED_ADDRESS, Outcome.BAD_URL))
_GONE: Final = 410


class DeliveryFailed(Exception):
    """The receiver did not take it; the ledger tries again."""


@dataclass(frozen=True, slots=True)
class Try:
    """How one try ended.

    Attributes:
        http_status: what the receiver answered, None where it did not.
        seconds: how long it took.
        error: a sentence, empty for a success.
        hopeless: trying again cannot help.
    """

    http_status: int | None
    seconds: float
    error: str = ""
    hopeless: bool = False


def deliver(event_id: uuid.UUID, *, sender_id: int) -> dict[str, Any]:
    """Send a delivery once, and write down how it went.

    Args:
        event_id: the delivery.
        sender_id: the task that is running; only the one that the delivery names may send it.

    Returns:
        The result of the task: the receiver's status and the number of tries so far.

    Raises:
        DeliveryFailed: not taken; try again.
        PermanentFailure: there is nothing to send, or trying again cannot help.
    """
    delivery = WebhookDelivery.objects.select_related("endpoint").filter(event_id=event_id).first()
    if delivery is None:
        raise PermanentFailure("There is no such webhook delivery")
    if delivery.sender_id != sender_id:
        raise PermanentFailure("Another task sends this webhook delivery; use its redeliver action instead")
    if delivery.state == DeliveryState.DELIVERED:
        # The worker was lost between the answer and the end of this task.
        return {"attempts": len(delivery.attempts)}
    if not delivery.endpoint.is_active:
        gone = delivery.endpoint.deleted_at is not None
        raise PermanentFailure("The endpoint was deleted" if gone else "The endpoint is switched off")
    tried = post(
        delivery.endpoint.url,
        _final_body(delivery).encode(),
        event_id=str(delivery.event_id),
        live_secrets=delivery.endpoint.live_secrets(),
    )
    attempts = _write_down(delivery.pk, tried)
    if tried.hopeless:
        raise PermanentFailure(tried.error)
    if tried.error:
        raise DeliveryFailed(tried.error)
    return {"http_status": tried.http_status, "attempts": attempts}


def _final_body(delivery: WebhookDelivery) -> str:
    """Return what is sent. Progress may be replaced while it waits, but never once its first try has begun."""
    if delivery.event != WebhookEvent.PROGRESS:
        return delivery.body
    won = update_returning(
        WebhookDelivery.objects.filter(pk=delivery.pk), {"frozen_at": Coalesce("frozen_at", Now())}, ["body"]
    )
    if not won:
        raise PermanentFailure("There is no such webhook delivery")
    return str(won[0]["body"])


def post(url: str, body: bytes, *, event_id: str, live_secrets: list[str]) -> Try:
    """POST a signed body; redirects are not followed, and of the answer only the status is read.

    Args:
        url: as the user wrote it.
        body: what is signed and sent.
        event_id: the stable id of the event.
        live_secrets: the present secret, and the previous one while it lasts.
    """
    timestamp = int(time.time())
    began = time.monotonic()
    try:
        prepared, _ = prepare_url(url)
    except BadUrlError as error:
        return Try(None, 0.0, str(error), hopeless=True)
    signatures = zip((SIGNATURE_HEADER, PREVIOUS_SIGNATURE_HEADER), live_secrets, strict=False)
    answer = _Answer()
    handle = GuardedHandle(
        AddressPolicy.from_settings(),
        _limits(),
        write=answer.write,
        headers=[
            "Content-Type: application/json",
            "Expect:",  # No waiting for a 100 before the body.
            f"{ID_HEADER}: {event_id}",
            f"{TIMESTAMP_HEADER}: {timestamp}",
            *(f"{name}: {sign(secret, body, timestamp)}" for name, secret in signatures),
        ],
        follow=False,
    )
    try:
        failure = handle.post(prepared, body)
        if failure is not None:
            outcome, detail = failure
            sentence = f"{outcome.description} ({detail})"
            return Try(handle.status or None, time.monotonic() - began, sentence, hopeless=outcome in _HOPELESS)
        return _judge(handle.status, time.monotonic() - began)
    finally:
        handle.close()


class _Answer:
    """Counts what the receiver sends and stops it at the cap."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, piece: bytes) -> int | None:
        self.size += len(piece)
        return -1 if self.size > _ANSWER_BYTES else None


def _limits() -> FetchLimits:
    seconds = float(settings.PIXTASKS_WEBHOOK_SECONDS)
    return FetchLimits(
        max_bytes=_ANSWER_BYTES,
        connect_seconds=min(_CONNECT_SECONDS, seconds),
        read_seconds=seconds,
        total_seconds=seconds,
        max_redirects=0,
        contact=settings.PIXTASKS_USER_AGENT_CONTACT,
    )


def _judge(status: int, seconds: float) -> Try:
    if 200 <= status < 300:
        return Try(status, seconds)
    if 300 <= status < 400:
        return Try(status, seconds, f"The receiver redirected (HTTP {status}); redirects are not followed")
    if status == _GONE:
        return Try(status, seconds, "The receiver says that it is gone for good (HTTP 410)", hopeless=True)
    return Try(status, seconds, f"The receiver answered with HTTP {status}")


def _write_down(delivery_id: int, tried: Try) -> int:
    """Add a try to the log, in a transaction of its own: it happened, whatever becomes of the task."""
    with transaction.atomic():
        delivery = WebhookDelivery.objects.select_for_update(no_key=True).get(pk=delivery_id)
        entry = {
            "at": wire_time(timezone.now()),
            "http_status": tried.http_status,
            "duration_ms": round(tried.seconds * 1000),
            "error": tried.error or None,
        }
        attempts = [*delivery.attempts, entry][-_ATTEMPTS_KEPT:]
        changes: dict[str, Any] = {"attempts": attempts}
        if not tried.error:
            changes |= {"state": DeliveryState.DELIVERED, "ended_at": Now()}
        WebhookDelivery.objects.filter(pk=delivery_id).update(**changes)
    return len(attempts)
