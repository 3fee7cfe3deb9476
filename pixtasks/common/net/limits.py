"""How long, how much and how many: the limits of everything that is fetched."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from pixtasks import __version__


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of one client.

    Attributes:
        concurrency: transfers at the same time, over all hosts.
        per_host: transfers at the same time to one host name.
        max_bytes: size of one file; the transfer is cut there.
        connect_seconds: name look-up, TCP and TLS together.
        read_seconds: how long less than ``curl.SLOW_BYTES_PER_SECOND`` may come; rounded up to whole seconds.
        total_seconds: a whole transfer with its redirects.
        max_redirects: 0 follows none.
        max_pixels: passed on to the reader of image headers.
        delay_seconds: between the starts of two transfers to one host name, at least.
        hold_seconds: a server that asks with Retry-After to wait is waited for, where it asks for no more than this.
        breaker_failures: after so many failures in a row a server is left alone for a while; 0 = never.
        robots: whether robots.txt is asked for and obeyed.
        robots_tag: whether X-Robots-Tag is obeyed; tdm: whether ``tdm-reservation: 1`` is.
        tdm_file: whether ``/.well-known/tdmrep.json`` is asked for and obeyed.
        contact: address or URL that the User-Agent names, so that operators of sites can complain.
    """

    concurrency: int = 64
    per_host: int = 32
    max_bytes: int = 25_000_000
    connect_seconds: float = 10.0
    read_seconds: float = 15.0
    total_seconds: float = 60.0
    max_redirects: int = 5
    max_pixels: int = 40_000_000
    delay_seconds: float = 0.0
    hold_seconds: float = 60.0
    breaker_failures: int = 10
    robots: bool = True
    robots_tag: bool = True
    tdm: bool = True
    tdm_file: bool = True
    contact: str = ""

    @classmethod
    def from_settings(cls) -> FetchLimits:
        """Return the limits of the ``PIXTASKS_FETCH_…`` settings."""
        return cls(
            concurrency=settings.PIXTASKS_FETCH_CONCURRENCY,
            per_host=settings.PIXTASKS_FETCH_PER_HOST,
            max_bytes=settings.PIXTASKS_FETCH_MAX_BYTES,
            connect_seconds=settings.PIXTASKS_FETCH_CONNECT_SECONDS,
            read_seconds=settings.PIXTASKS_FETCH_READ_SECONDS,
            total_seconds=settings.PIXTASKS_FETCH_TOTAL_SECONDS,
            max_redirects=settings.PIXTASKS_FETCH_MAX_REDIRECTS,
            max_pixels=settings.PIXTASKS_MAX_IMAGE_PIXELS,
            delay_seconds=settings.PIXTASKS_FETCH_DELAY_PER_HOST,
            hold_seconds=settings.PIXTASKS_FETCH_HOLD_SECONDS,
            breaker_failures=settings.PIXTASKS_FETCH_BREAKER_FAILURES,
            robots=settings.PIXTASKS_ROBOTS == "obey",
            robots_tag=settings.PIXTASKS_ROBOTS_TAG,
            tdm=settings.PIXTASKS_TDM_RESERVATION,
            tdm_file=settings.PIXTASKS_TDM_FILE,
            contact=settings.PIXTASKS_USER_AGENT_CONTACT,
        )

    @property
    def user_agent(self) -> str:
        """``pixtasks/<version> (<contact>)``."""
        return f"pixtasks/{__version__} ({self.contact})" if self.contact else f"pixtasks/{__version__}"
