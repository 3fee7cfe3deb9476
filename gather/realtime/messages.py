"""What clients say: one JSON object per message, read strictly and not too fast."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gather.realtime.frames import CHANNEL
from pixtasks.common.errors import InvalidInput
from pixtasks.common.json import dump_json, load_json

MOST_BYTES: Final = 4096
PER_SECOND: Final = 20
BURST: Final = 100
"""A client that comes back may ask for that many channels at once."""
MOST_ERRORS: Final = 100
EVERYTHING: Final = "all"
_LONGEST_NAME: Final = 64


class BadMessage(Exception):
    """A message that is answered with an error and changes nothing."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word
        self.message = message

    @property
    def text(self) -> str:
        """The error as it is sent."""
        return dump_json({"error": self.word, "message": self.message}).decode()


@dataclass(frozen=True, slots=True)
class Message:
    """One request of a client; what its action does not take is empty."""

    action: str
    channel: str = ""
    since: int | None = None
    token: str = ""


def read_message(event: Mapping[str, Any]) -> Message:
    """Return what a client said.

    Raises:
        BadMessage: it is not one of the documented messages.
    """
    text = event.get("text")
    if text is None:
        raise BadMessage("VALIDATION_ERROR", "send text, not bytes")
    data = text.encode()
    if len(data) > MOST_BYTES:
        raise BadMessage("PAYLOAD_TOO_LARGE", f"a message has at most {MOST_BYTES} bytes")
    try:
        document = load_json(data)
    except InvalidInput as error:
        raise BadMessage("VALIDATION_ERROR", error.errors[0].msg) from error
    if not isinstance(document, dict) or not isinstance(document.get("action"), str):
        raise BadMessage("VALIDATION_ERROR", 'send a JSON object with "action"')
    action = document["action"]
    match action:
        case "ping":
            return Message(action)
        case "authenticate":
            token = document.get("token")
            if not isinstance(token, str) or not token.strip():
                raise BadMessage("VALIDATION_ERROR", 'authenticate needs "token": an access token or an API key')
            return Message(action, token=token)
        case "subscribe" | "unsubscribe":
            since = document.get("since")
            if since is not None and (type(since) is not int or not 0 <= since < 2**31):
                raise BadMessage("VALIDATION_ERROR", '"since" is the seq of the last line that you have, from 0')
            return Message(action, channel=channel_of(document.get("channel")), since=since)
    raise BadMessage("VALIDATION_ERROR", '"action" is authenticate, subscribe, unsubscribe or ping')


def channel_of(name: object) -> str:
    """Return a channel's name.

    Raises:
        BadMessage: it is neither ``task:<id>`` nor ``all``.
    """
    if isinstance(name, str) and name == EVERYTHING:
        return name
    if isinstance(name, str) and name.startswith(CHANNEL) and 0 < len(name) - len(CHANNEL) <= _LONGEST_NAME:
        return name
    raise BadMessage("VALIDATION_ERROR", '"channel" is "task:<id>", or "all" for staff')


class Pace:
    """How fast messages are read: a burst at once, then so many a second. Who sends more waits; nothing is refused."""

    def __init__(self, per_second: int = PER_SECOND, burst: int = BURST) -> None:
        self._rate = per_second
        self._burst = float(burst)
        self._left = self._burst
        self._at = time.monotonic()

    def delay(self) -> float:
        """Count one message and return after how many seconds it may be read."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._left / self._rate)
