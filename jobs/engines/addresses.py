"""Addresses of the web as they are found in lists and pages: cleaned, and refused with a sentence."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit, urlunsplit

URL_MAX = 4_000  # characters
_KEEP = "!$&'()*+,;=:@/?%~-._[]"


def clean_url(text: str) -> str:
    """Return the address with blanks around it and the fragment gone, and everything but ASCII percent-encoded.

    What is already encoded stays as it is: two addresses that differ stay different.

    Raises:
        ValueError: not an absolute http or https address; the message says what is wrong.
    """
    text = "".join(text.strip().splitlines())
    if len(text) > URL_MAX:
        raise ValueError(f"the address is longer than {URL_MAX} characters")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"the address cannot be read: {error}") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise ValueError("the address must begin with http:// or https://")
    if not host or any(character.isspace() for character in parts.netloc):
        raise ValueError("the address names no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address must not carry a user name or password")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise ValueError("the address names a host that is not a valid name") from None
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    return urlunsplit((parts.scheme.lower(), netloc, _encoded(parts.path) or "/", _encoded(parts.query), ""))


def join_url(base: str, reference: str) -> str | None:
    """Return the address that a reference on a page means, None where it is not one of the web (data:, mailto: …)."""
    reference = reference.strip()
    if not reference or len(reference) > URL_MAX:
        return None
    try:
        return clean_url(urljoin(base, reference))
    except ValueError:
        return None


def same_host(first: str, second: str) -> bool:
    """Tell whether two clean addresses are of one host and port; a leading ``www.`` makes no difference."""
    return _site(first) == _site(second)


def _site(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    # http and https of one host are one site.
    return (parts.hostname or "").removeprefix("www."), 80 if port == 443 else port


def _encoded(text: str) -> str:
    return quote(text, safe=_KEEP)
