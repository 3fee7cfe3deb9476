"""All images of a page, a sitemap or a feed, and of the pages that follow it."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .addresses import URL_MAX, clean_url, same_host
from .base import Candidate, EngineError, EngineUnavailable, Page, Query, Web, WebResponse
from .http import fetch

PAGE_SIZE = 1_000  # candidates; a longer document is read again for the rest
DOCUMENT_MAX = 10_000_000  # bytes
CURSOR_MAX = 200_000  # characters of the addresses still to be read
ACCEPT = "text/html,application/xhtml+xml,application/xml,application/rss+xml,application/atom+xml;q=0.9,*/*;q=0.5"

log = logging.getLogger(__name__)


class SiteOptions(BaseModel):
    """Where to begin, and how far to go."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=URL_MAX), AfterValidator(clean_url)] = Field(
        description="A page, a sitemap (also .gz, also an index), an RSS or an Atom feed."
    )
    max_pages: int = Field(default=10, ge=1, le=1000, description="Documents to read at most.")
    same_host: bool = Field(
        default=True, description="Follow only links to pages of the same host; images may be anywhere."
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a search stands.

    Attributes:
        todo: addresses to read, the next one first.
        done: how many documents were read.
        images: how many candidates were yielded.
        skip: candidates of the next document that were yielded already.
        seen: marks of the addresses read or listed, so that a circle of links ends.
    """

    todo: tuple[str, ...]
    done: int = 0
    images: int = 0
    skip: int = 0
    seen: tuple[str, ...] = ()

    def dump(self) -> str:
        return json.dumps(
            {
                "next": self.todo,
                "done": self.done,
                "images": self.images,
                "skip": self.skip,
                "seen": "".join(self.seen),
            },
            separators=(",", ":"),
        )

    @staticmethod
    def load(cursor: str) -> _Place:
        """Return the place of a cursor.

        Raises:
            EngineError: the cursor is not one of this engine's.
        """
        try:
            value: Any = json.loads(cursor)
            seen = str(value["seen"])
            marks = tuple(seen[at : at + MARK] for at in range(0, len(seen), MARK))
            todo = tuple(clean_url(str(url)) for url in value["next"])
            done, images, skip = int(value["done"]), int(value["images"]), int(value["skip"])
        except (ValueError, TypeError, KeyError) as error:
            raise EngineError("The cursor is not one of this engine's; start the search anew.") from error
        if not todo or min(done, images, skip) < 0:
            raise EngineError("The cursor is not one of this engine's; start the search anew.")
        return _Place(todo, done, images, skip, marks)


MARK = 10  # hexadecimal digits


def _mark(url: str) -> str:
    return hashlib.blake2b(url.encode(), digest_size=MARK // 2).hexdigest()


class SiteEngine:
    """Images of one site: of a page and the pages its "next" leads to, of a sitemap, or of a feed."""

    name = "site"
    description = "All images of a web page, a sitemap or a feed, following its next links."
    rate_limited = False
    page_size = None  # as many as a document has
    licensed = False
    Options: type[BaseModel] = SiteOptions

    def missing(self) -> list[str]:
        """Return nothing: no setting is needed."""
        return []

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Read one document and return its images; the cursor is the JSON of what is still to be read.

        A document after the first that is gone for good is passed over; one that fails for the moment is not.

        Raises:
            EngineUnavailable: the document cannot be had at the moment.
            EngineError: the first document cannot be had, or is neither a page nor a sitemap nor a feed.
        """
        from .reading import Unreadable

        options = query.options
        if not isinstance(options, SiteOptions):
            raise TypeError(f"options of another engine: {options!r}")
        place = _Place((options.url,), seen=(_mark(options.url),)) if cursor is None else _Place.load(cursor)
        url = place.todo[0]
        try:
            document = fetch(web, url, headers={"accept": ACCEPT}, max_bytes=DOCUMENT_MAX, robots=True)
            images, links = _read(document, url)
        except EngineUnavailable:
            raise
        except (EngineError, Unreadable) as error:
            if place.done == 0:
                raise _refusal(error, url) from error
            log.warning("site: %s is passed over: %s", url, error)
            images, links = (), ()
        part = images[place.skip : place.skip + PAGE_SIZE]
        if place.skip + PAGE_SIZE < len(images):
            rest = _Place(place.todo, place.done, place.images + len(part), place.skip + PAGE_SIZE, place.seen)
            return Page(part, rest.dump())
        return Page(part, _onward(place, links, options, len(part)))


def _read(response: WebResponse, asked: str) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Return the images of a document, and the addresses to read after it, the nearest first.

    Raises:
        Unreadable: neither a page nor a sitemap nor a feed nor an image.
    """
    from .reading import Unreadable
    from .reading.feeds import looks_like_feed, read_feed, unpack
    from .reading.pages import read_page

    kind = response.headers.get("content-type", "").lower()
    url = response.url or asked
    if kind.startswith("image/") and "svg" not in kind:
        return (Candidate(image_url=url, page_url=url, raw={"found_in": "address"}),), ()
    body = unpack(response.body)
    if looks_like_feed(body):
        found = read_feed(body, url)
    elif "html" in kind or b"<" in body[:2048]:
        found = read_page(body, url, content_type=kind, link_header=response.headers.get("link", ""))
    else:
        raise Unreadable(f"it is neither a page nor a sitemap nor a feed, but {kind or 'of an unnamed type'}")
    return found.images, (*found.next, *found.pages)


def _refusal(error: Exception, url: str) -> EngineError:
    if isinstance(error, EngineError):
        return error
    return EngineError(f"{url} could not be read: {error}.")


def _onward(place: _Place, links: tuple[str, ...], options: SiteOptions, yielded: int) -> str | None:
    """Return the cursor of the next document, None where there is none or ``max_pages`` is reached."""
    done = place.done + 1
    room = options.max_pages - done
    todo = list(place.todo[1:])
    seen = dict.fromkeys(place.seen)
    size = sum(map(len, todo))
    for link in links:
        mark = _mark(link)
        if len(todo) >= room or size + len(link) > CURSOR_MAX:
            break
        if mark not in seen and (not options.same_host or same_host(link, options.url)):
            seen[mark] = None
            todo.append(link)
            size += len(link)
    if not todo or room <= 0:
        return None
    return _Place(tuple(todo), done, place.images + yielded, 0, tuple(seen)).dump()


ENGINE = SiteEngine()
