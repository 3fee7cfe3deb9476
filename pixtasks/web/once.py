"""A form that is sent twice, by a double click say, is carried out once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Final

from django.db import transaction

from pixtasks.accounts.models import User
from pixtasks.accounts.services.idempotency import Answer, Reservation, StillRunning, give_back, keep, reserve

_PATIENCE: Final = 5.0
_PAUSE: Final = 0.1


def once(*, user: User, path: str, nonce: str, content: str, work: Callable[[], str]) -> str:
    """Return what ``work`` returned, now or when the same form came first.

    A browser shows the answer to the second click, so the second waits for the first, for five seconds at most.

    Args:
        path: of the form.
        nonce: the form's own, made when it was shown; up to 200 visible ASCII characters.
        content: everything that was filled in.
        work: runs inside a transaction, waits for nothing but the database, and returns an address.

    Raises:
        InvalidInput: the form was sent before with other content.
        StillRunning: the first is still being carried out.
    """
    found = _reserved(user, path, nonce, hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest())
    if isinstance(found, Answer):
        return found.body
    stored = False
    try:
        with transaction.atomic():
            address = work()
            keep(found, Answer(303, address))
        stored = True
    finally:
        if not stored:
            give_back(found)
    return address


def _reserved(user: User, path: str, nonce: str, fingerprint: str) -> Reservation | Answer:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return reserve(user=user, method="POST", path=path, key=nonce, fingerprint=fingerprint)
        except StillRunning:
            if time.monotonic() >= end:
                raise
            time.sleep(_PAUSE)
