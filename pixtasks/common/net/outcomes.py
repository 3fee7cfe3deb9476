"""How a request over the network, or the fetch of one image, can end: one word per class.

An answer with an HTTP error is ``http_`` and its status ("http_404"); everything else is an ``Outcome``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """Every way but an HTTP error, with the sentence that users are shown."""

    description: str

    def __new__(cls, word: str, description: str) -> Outcome:
        """Make a member out of its word and its sentence."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.description = description
        return member

    STORED = "stored", "The image was fetched and is kept."
    DUPLICATE = "duplicate", "The same bytes are in this job already."
    DNS = "dns", "The name of the server could not be resolved."
    REFUSED = "refused", "The server refused the connection."
    UNREACHABLE = "unreachable", "No route leads to the server."
    TLS = "tls", "The encrypted connection failed: a certificate is not trusted, or the server does not speak TLS."
    TIMEOUT = "timeout", "The server did not answer, or not fast enough."
    RESET = "reset", "The server closed the connection without a complete answer."
    INCOMPLETE = "incomplete", "The transfer ended before all announced bytes had come."
    PROTOCOL = "protocol", "The server's answer is not valid HTTP."
    TOO_MANY_REDIRECTS = "too_many_redirects", "The server redirected too often."
    BLOCKED_ADDRESS = "blocked_address", "The address is private or otherwise not public, and not on the allow-list."
    BAD_URL = "bad_url", "The address is not a valid http or https URL."
    TOO_LARGE = "too_large", "The file is larger than the limit."
    EMPTY = "empty", "The server sent no bytes."
    NOT_AN_IMAGE = "not_an_image", "The content is no image, whatever its header says."
    UNSUPPORTED_FORMAT = "unsupported_format", "The content is an image of a format that is not supported."
    ROBOTS = "robots", "The site's robots.txt forbids the address; it was not asked for."
    ROBOTS_UNAVAILABLE = (
        "robots_unavailable",
        "The site's robots.txt could not be had, so for now nothing is asked of the site.",
    )
    HOST_UNAVAILABLE = (
        "host_unavailable",
        "The server failed too often in a row, or asked to be left alone for long; this address was not asked for.",
    )
    ROBOTS_TAG = "robots_tag", "The server says with X-Robots-Tag that the image is not to be indexed or learned from."
    TDM_RESERVED = (
        "tdm_reserved",
        "The site reserves the image from text and data mining (tdm-reservation: 1, in its tdmrep.json or a header).",
    )
    OPTED_OUT = "opted_out", "It is on the opt-out list: somebody wants it left alone."
    NOT_ON_CASSETTE = "not_on_cassette", "The job is repeated from a cassette, which has no answer for this address."
    FILE_MISSING = "file_missing", "There is no such file."
    FILE_FORBIDDEN = "file_forbidden", "The file may not be read, or is not a regular file."


_TRANSIENT: Final = frozenset(
    {
        Outcome.DNS,
        Outcome.REFUSED,
        Outcome.UNREACHABLE,
        Outcome.TIMEOUT,
        Outcome.RESET,
        Outcome.INCOMPLETE,
        Outcome.ROBOTS_UNAVAILABLE,
        Outcome.HOST_UNAVAILABLE,
        "http_408",
        "http_425",
        "http_429",
    }
)


def http_outcome(status: int) -> str:
    """Return the class of an answer that is not a success: 404 is ``"http_404"``."""
    return f"http_{status}"


def is_transient(outcome: str) -> bool:
    """Tell whether the same request may well succeed later."""
    return outcome in _TRANSIENT or outcome.startswith("http_5")
