"""Turns what people write into an address that can be requested, or says why it cannot."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

import idna

MAX_URL_LENGTH: Final = 8_000
_NAME = r"[A-Za-z0-9._-]+"
_PORT = r"(?:[1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
# What needs no work: nearly every URL that an engine finds. What stands in brackets has to be looked at: no reader of
# addresses agrees with another on [127.0.0.1].
_PLAIN: Final = re.compile(rf"(?i:https?)://({_NAME})(?::{_PORT})?(?:[/?][!-~]*)?", re.ASCII)
_HOST_ONLY: Final = re.compile(rf"{_NAME}|\[[0-9A-Fa-f:.]+\]", re.ASCII)


class BadUrlError(ValueError):
    """The address cannot be requested; the message says why."""


def prepare_url(url: str) -> tuple[str, str]:
    """Return the address in ASCII, as it is sent, and its host in lower case (the key of per-host limits).

    Non-ASCII host names become IDNA, other characters percent-encoded UTF-8; nothing is decoded or reordered.

    Raises:
        BadUrlError: not http or https, no host, a user name in it, control characters, too long.
    """
    if len(url) <= MAX_URL_LENGTH:
        plain = _PLAIN.fullmatch(url)
        if plain is not None:
            return url, plain[1].lower()
    return _prepare_unusual(url)


def _prepare_unusual(url: str) -> tuple[str, str]:
    text = url.strip(" \t\r\n")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise BadUrlError("the address contains control characters")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadUrlError(f"the address is malformed: {error}") from None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https"):
        raise BadUrlError("only http and https addresses are fetched")
    if "@" in parts.netloc:
        raise BadUrlError("the address carries a user name or password")
    try:
        if not host.isascii():
            host = idna.encode(host, uts46=True).decode("ascii")
        if ":" in host:
            host = f"[{host}]"
        path = quote(parts.path, safe="/%:=&~+!$,;'@()*")
        query = quote(parts.query, safe="/%:=&~+!$,;'@()*?[]")
    except UnicodeError as error:
        raise BadUrlError(f"the address cannot be encoded: {error}") from None
    if not _HOST_ONLY.fullmatch(host):
        raise BadUrlError("the address has no valid host name")
    prepared = f"{scheme}://{host}" + (f":{port}" if port is not None else "") + (path or "/")
    if parts.query:
        prepared += f"?{query}"
    if len(prepared) > MAX_URL_LENGTH:
        raise BadUrlError(f"the address is longer than {MAX_URL_LENGTH} characters")
    return prepared, host.lower()
