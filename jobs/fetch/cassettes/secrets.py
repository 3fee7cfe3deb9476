"""What never gets onto a cassette: keys in addresses, headers that carry them, and their values wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from jobs.engines.secrets import HIDDEN, secret_values, spellings, without_secrets

_QUERY: Final = re.compile(
    r"(?i)([?&;](?:[a-z_.-]*[_.-])?(?:key|apikey|api_key|token|access_token|secret|client_id|client_secret|auth|password|"
    r"passwd|signature|sig|cx|vqd|session|sid)=)[^&;#]*"
)
_USER: Final = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)[^/?#@]*@")
# Named, not excluded: what a header of tomorrow carries nobody knows today.
_ASKED: Final = frozenset({"accept", "accept-language", "content-type"})
_ANSWERED: Final = re.compile(
    r"content-type|content-language|last-modified|etag|link|location|retry-after|x-robots-tag|tdm-(?:reservation|policy)|"
    r"(?:x-)?ratelimit-[a-z-]+"
)


class Scrubber:
    """Takes secrets out, by the names of parameters and by the values of the engines' settings.

    Args:
        secrets: values that must not be kept; by default those of all registered engines.
    """

    def __init__(self, secrets: Sequence[str] | None = None) -> None:
        self._given = None if secrets is None else list(secrets)

    @property
    def _secrets(self) -> list[str]:
        # Looked up each time: tokens come while it is recorded.
        return secret_values() if self._given is None else self._given

    def url(self, url: str) -> str:
        """Return an address without keys; the same for every key, so that it can be looked up with another one."""
        return without_secrets(_QUERY.sub(rf"\1{HIDDEN}", _USER.sub(r"\1", url)), self._secrets)

    def text(self, text: str) -> str:
        """Return a text without the values."""
        return without_secrets(text, self._secrets)

    def body(self, body: bytes) -> bytes:
        """Return the bytes of an answer without the values: some sources repeat the key that they were sent."""
        for form in spellings(self._secrets):
            body = body.replace(form.encode(), HIDDEN.encode())
        return body

    def asked(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request that tell what was wanted."""
        return {name.lower(): self.text(value) for name, value in headers.items() if name.lower() in _ASKED}

    def answered(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of an answer that the product reads."""
        return {name: self.url(value) for name, value in headers.items() if _ANSWERED.fullmatch(name)}
