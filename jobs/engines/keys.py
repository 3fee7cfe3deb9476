"""Sources that want a key: it is read where it is used, and kept out of everything that is shown or stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote, quote_plus

from django.conf import settings

from .asking import Answer, Param, Refused
from .base import EngineError, Web
from .remote import RemoteEngine

HIDDEN = "[key]"
_keyless: Final[ContextVar[bool]] = ContextVar("keyless", default=False)


class KeyedEngine(RemoteEngine):
    """Base of the adapters whose ``settings`` hold keys."""

    def keys(self) -> tuple[str, ...]:
        """Return the values of the engine's settings, in their order.

        Raises:
            EngineError: one is empty by now, or holds what cannot be sent.
        """
        if _keyless.get():
            return tuple(HIDDEN for _ in self.settings)
        values = tuple(str(getattr(settings, name, "")).strip() for name in self.settings)
        for name, value in zip(self.settings, values, strict=True):
            if not value:
                raise EngineError(f"{self.name} needs {name}, which is not set.")
            if not (value.isascii() and value.isprintable()):
                raise EngineError(f"{name} holds characters that no key has.")
        return values

    def ask(
        self,
        web: Web,
        path: str,
        params: Mapping[str, Param] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET a path of the source; no error repeats a key, as some sources do in the sentence that refuses it."""
        try:
            return super().ask(web, path, params, headers=headers)
        except EngineError as error:
            hide(error, self.keys())
            raise


def is_keyless() -> bool:
    """Tell whether a block of :func:`keyless` runs."""
    return _keyless.get()


@contextmanager
def keyless() -> Iterator[None]:
    """Let engines ask without their keys while the block runs: what answers them is a cassette, which has none."""
    token = _keyless.set(True)
    try:
        yield
    finally:
        _keyless.reset(token)


def hide(error: EngineError, secrets: Sequence[str]) -> None:
    """Take the secrets out of an error's text, percent-encoded ones too."""
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), quote_plus(secret)}:
            error.message = error.message.replace(form, HIDDEN)
            if isinstance(error, Refused):
                error.said = error.said.replace(form, HIDDEN)
    error.args = (error.message,)
