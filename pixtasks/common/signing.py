"""Signatures of webhooks, made and checked (CONTRACT X46).

A delivery carries its event's id, the time of sending, and the hex HMAC-SHA256 of ``<timestamp>.<raw body>``. While a
secret is being replaced, a second header carries the signature by the previous one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from typing import Final

from pixtasks.common.errors import NotAuthenticated

ID_HEADER: Final = "X-Webhook-Id"
TIMESTAMP_HEADER: Final = "X-Webhook-Timestamp"
SIGNATURE_HEADER: Final = "X-Webhook-Signature"
PREVIOUS_SIGNATURE_HEADER: Final = "X-Webhook-Signature-Previous"
TOLERANCE: Final = 300
"""How far a timestamp may lie from the receiver's clock. Seconds."""

_PREFIX: Final = "sha256="
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


class InvalidSignature(NotAuthenticated):
    """The webhook's signature is missing or not valid."""

    code = "INVALID_SIGNATURE"


def new_secret() -> str:
    """Return a fresh secret: 256 random bits, recognisable by its prefix when it turns up where it should not."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def sign(secret: str, body: bytes, timestamp: int | str | None = None) -> str:
    """Return the signature of a body, in hex.

    Args:
        secret: what both sides know.
        body: the raw bytes as they are sent.
        timestamp: Unix time in seconds as it stands in the header; None signs the body alone.
    """
    message = body if timestamp is None else f"{timestamp}.".encode() + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def verify(
    live_secrets: Iterable[str],
    body: bytes,
    signatures: Iterable[str | None],
    *,
    timestamp: str | None = None,
    now: float | None = None,
) -> None:
    """Check what came with a webhook.

    Args:
        live_secrets: every secret that is accepted now; one match is enough.
        body: the raw bytes as they came, before any parsing.
        signatures: the values of the signature headers, with or without ``sha256=``; None for one that is missing.
        timestamp: the value of the timestamp header, None where there is none.
        now: Unix time in seconds, by default the clock's.

    Raises:
        InvalidSignature: no signature fits, or the timestamp is malformed or further than ``TOLERANCE`` away.
    """
    if timestamp is not None:
        if not _SECONDS.fullmatch(timestamp):
            raise InvalidSignature("The webhook's timestamp is not a Unix time in seconds.")
        if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE:
            raise InvalidSignature(f"The webhook's timestamp is more than {TOLERANCE} seconds away.")
    given = [text.strip().removeprefix(_PREFIX).lower().encode("utf-8", "replace") for text in signatures if text]
    matched = False
    # Every pair is compared, so that the time taken tells nothing about which secret or signature was close.
    for secret in live_secrets:
        expected = sign(secret, body, timestamp).encode()
        for signature in given:
            matched |= hmac.compare_digest(expected, signature)
    if not matched:
        raise InvalidSignature
