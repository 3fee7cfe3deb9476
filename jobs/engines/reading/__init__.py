"""What a document of the web says about images: ``pages`` reads HTML, ``feeds`` reads sitemaps, RSS and Atom."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.engines.base import Candidate


@dataclass(frozen=True, slots=True)
class Found:
    """What was read in one document.

    Attributes:
        images: in the order of the document, no address twice.
        next: addresses that carry on where the document ends (rel=next, the parts of a sitemap's index).
        pages: addresses that the document lists without saying which images they show.
    """

    images: tuple[Candidate, ...] = ()
    next: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


class Unreadable(ValueError):
    """The document is not of a form that is read here; the message says why."""
