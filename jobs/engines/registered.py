"""Sources that answer anybody, and answer more to who has registered (OAuth 2.0 client credentials, RFC 6749, 4.4).

The token is kept in the memory of the process that asked for it, and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import ClassVar, Final

from django.conf import settings

from .asking import Answer, Param, Refused, read_json, refusal
from .base import EngineError, Web
from .http import exchange
from .keys import hide, is_keyless
from .remote import RemoteEngine

TOKEN_MAX: Final = 100_000  # bytes of the answer that brings one
_EARLY: Final = 60.0  # seconds: a token that ends during the request is of no use
_USUAL: Final = 3600.0  # seconds that a token lasts where the source does not say


@dataclass(frozen=True, slots=True)
class Reach:
    """How much a source answers: results on a page, and results of one keyword at most."""

    page_size: int
    results: int


@dataclass(frozen=True, slots=True)
class Access:
    """What a source answers to anybody, and to who has registered.

    Attributes:
        registered: whether this installation asks as one who has.
        settings: names of the settings that make it so.
    """

    registered: bool
    settings: tuple[str, ...]
    anonymous: Reach
    credentials: Reach

    @property
    def reach(self) -> Reach:
        """What it answers to this installation."""
        return self.credentials if self.registered else self.anonymous


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks."""

    client_id: str = field(repr=False)
    secret: str = field(repr=False)


class TokenBox:
    """The tokens of this process; asked for when they are wanted, kept until they end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._tokens: dict[tuple[str, Credentials], tuple[str, float]] = {}

    def token(self, url: str, credentials: Credentials, ask: Callable[[], tuple[str, float]]) -> str:
        """Return a token that is good for a while.

        Args:
            url: where it comes from.
            ask: asks the source for one, and for how many seconds it lasts; by one thread at a time.
        """
        with self._lock:
            token, until = self._tokens.get((url, credentials), ("", 0.0))
            if not token or until <= self._clock():
                token, seconds = ask()
                self._tokens[url, credentials] = (token, self._clock() + max(0.0, seconds - _EARLY))
            return token

    def forget(self, token: str) -> None:
        """Ask for another one the next time: the source takes this one no more."""
        with self._lock:
            self._tokens = {key: kept for key, kept in self._tokens.items() if kept[0] != token}

    def held(self) -> list[str]:
        """Return all tokens, to keep them out of what is shown."""
        return [token for token, _ in list(self._tokens.values())]


TOKENS: Final = TokenBox()


class RegisteredEngine(RemoteEngine):
    """Base of the adapters whose ``optional`` settings hold an id and a secret.

    Attributes:
        optional: names of the settings; both or none are set.
        grant_path: where the source gives tokens.
    """

    optional: ClassVar[tuple[str, str]]
    grant_path: ClassVar[str]

    def credentials(self) -> Credentials | None:
        """Return who asks; None: anybody, or nobody, because what answers is a cassette.

        Raises:
            EngineError: one of the two is missing, or holds what cannot be sent.
        """
        values = [str(getattr(settings, name, "")).strip() for name in self.optional]
        if is_keyless() or not any(values):
            return None
        for name, value in zip(self.optional, values, strict=True):
            if not value:
                raise EngineError(f"{self.name} needs {name} beside {self._beside(name)}, or neither of them.")
            if not (value.isascii() and value.isprintable()):
                raise EngineError(f"{name} holds characters that no key has.")
        return Credentials(*values)

    def missing(self) -> list[str]:
        """Return the names of the settings that must be set before it is usable: also the second of the two."""
        lacking = [name for name in self.optional if not str(getattr(settings, name, "")).strip()]
        return super().missing() + (lacking if len(lacking) == 1 else [])

    def registered(self, web: Web) -> bool:
        """Tell whether the source is asked as by one who has registered; on a replay, whether it was then."""
        signed = getattr(web, "signed", None)
        return bool(signed) if signed is not None else self.credentials() is not None

    def ask(
        self,
        web: Web,
        path: str,
        params: Mapping[str, Param] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET a path of the source, with a token where there are credentials; one that has ended is replaced once."""
        credentials = self.credentials()
        if credentials is None:
            return super().ask(web, path, params, headers=headers)
        for renewed in (False, True):
            token = self._token(web, credentials)
            try:
                return super().ask(web, path, params, headers={**(headers or {}), "authorization": f"Bearer {token}"})
            except EngineError as error:
                ended = isinstance(error, Refused) and error.answered == 401
                if ended:
                    TOKENS.forget(token)
                if renewed or not ended:
                    if isinstance(error, Refused) and error.answered in (401, 403):
                        error.message += f" Check {' and '.join(self.optional)}."
                    hide(error, (token, credentials.secret, credentials.client_id))
                    raise
        raise AssertionError("one of two requests returns or raises")

    def _token(self, web: Web, credentials: Credentials) -> str:
        url = self.address(self.grant_path)

        def ask() -> tuple[str, float]:
            form = {
                "grant_type": "client_credentials",
                "client_id": credentials.client_id,
                "client_secret": credentials.secret,
            }
            try:
                response = exchange(web, url, form=form, headers={"accept": "application/json"}, max_bytes=TOKEN_MAX)
                if response.status in (400, 401, 403):
                    refused = refusal(response, source=self.name, words=self.words)
                    said = f": {refused.said}" if isinstance(refused, Refused) and refused.said else ""
                    raise EngineError(
                        f"{self.name} refused the credentials (status {response.status}{said}). "
                        f"Check {' and '.join(self.optional)}."
                    )
                answer = read_json(response, source=self.name, words=self.words).data
                token = answer.text("access_token")
                if not token or not (token.isascii() and token.isprintable()):
                    raise answer.changed("access_token", "is no token")
                lasts = answer.number("expires_in", null=True, absent=True)
            except EngineError as error:
                hide(error, (credentials.secret, credentials.client_id))
                raise
            return token, _USUAL if lasts is None else float(lasts)

        return TOKENS.token(url, credentials, ask)

    def _beside(self, name: str) -> str:
        first, second = self.optional
        return second if name == first else first
