"""Whether an incoming webhook is genuine: the signature is its only credential (CONTRACT X46)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from pixtasks.common.errors import PixtasksError, Unavailable
from pixtasks.common.json import load_json
from pixtasks.common.signing import (
    PREVIOUS_SIGNATURE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    InvalidSignature,
    verify,
)

_MISSING: Final = "The webhook's signature is missing or not valid."


class SigningNotConfigured(Unavailable):
    """This installation takes no webhooks: its operator has to set WEBHOOK_SECRET."""

    code = "INTERNAL_ERROR"


def fingerprint_of_genuine(headers: Mapping[str, str], body: bytes) -> str:
    """Check a webhook's signature and return what it is known by, so that it is accepted once.

    Args:
        headers: of the request; looked up without regard to case.
        body: the raw bytes, before any parsing.

    Returns:
        The sha256 of the raw bytes. Where the body carries a valid signature of its own it is that of its canonical
        form: such a body stays genuine when somebody writes it with other blanks, and is still the same event.

    Raises:
        SigningNotConfigured: there is no secret to check with.
        InvalidSignature: the signature is missing or wrong, or the timestamp is; nothing is said about the body.
    """
    live = [secret for secret in (settings.WEBHOOK_SECRET, settings.WEBHOOK_SECRET_PREVIOUS) if secret]
    if not settings.WEBHOOK_SECRET:
        raise SigningNotConfigured
    given = [headers.get(SIGNATURE_HEADER), headers.get(PREVIOUS_SIGNATURE_HEADER)]
    canonical = _signed_within(live, body)
    if any(signature is not None for signature in given):
        verify(live, body, given, timestamp=headers.get(TIMESTAMP_HEADER))
    elif canonical is None or headers.get(TIMESTAMP_HEADER) is not None:
        # The signature within says nothing about a timestamp beside the body: whoever sends one signs by the header.
        raise InvalidSignature(_MISSING)
    return hashlib.sha256(body if canonical is None else canonical).hexdigest()


def canonical_forms(document: Mapping[str, Any]) -> list[bytes]:
    """Return what the signature within a body is made of: its JSON without ``signature``, keys sorted, no blanks.

    Of the two usual ways to write other characters than ASCII, as they are or escaped, either is accepted.
    """
    rest = {key: value for key, value in document.items() if key != "signature"}
    return [
        json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=escaped).encode()
        for escaped in (False, True)
    ]


def _signed_within(live_secrets: list[str], body: bytes) -> bytes | None:
    """Return the canonical form of a body whose own signature is valid, else None."""
    try:
        document = load_json(body)
    except PixtasksError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("signature"), str):
        return None
    given = document["signature"].removeprefix("sha256=").lower().encode()
    forms = canonical_forms(document)
    genuine = False
    for secret in live_secrets:
        for form in forms:
            genuine |= hmac.compare_digest(hmac.new(secret.encode(), form, hashlib.sha256).hexdigest().encode(), given)
    return forms[0] if genuine else None
