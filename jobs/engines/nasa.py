"""NASA's image and video library: its images.

Source: https://images.nasa.gov/docs/images.nasa.gov_api_docs.pdf. It has no field for a licence: most is in the public
domain, some is not, and the description says so. Where the search names only a preview, a second request lists the
renditions of an image.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .addresses import clean_url
from .asking import Node, Param, Refused, page_number
from .base import Candidate, Page, Query, Web
from .remote import RemoteEngine, own_options

PAGE_SIZE = 25  # images; each may take a request of its own
CURSOR_LAST = 100_000
TAGS_MAX = 50
PICTURES = frozenset({"jpg", "jpeg", "png", "gif", "webp", "tif", "tiff"})
_RENDITION = re.compile(r"~(orig|large|medium|small|thumb)\.[a-z]+$", re.IGNORECASE)

Year = Annotated[int, Field(ge=1900, le=2100)]


class NasaOptions(BaseModel):
    """Filters of the source; what is left out does not filter."""

    model_config = ConfigDict(extra="forbid")

    size: Literal["medium", "large", "orig"] = Field(
        default="large", description="The rendition that is fetched; the next one there is, where this one is not."
    )
    center: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,20}$")] | None = Field(
        default=None, description="NASA centre, such as JPL or GSFC."
    )
    photographer: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    year_start: Year | None = None
    year_end: Year | None = None


class NasaEngine(RemoteEngine):
    """The images of NASA's library."""

    name = "nasa"
    description = "Images of NASA's library; the source names no licence, most are in the public domain."
    api = "https://images-api.nasa.gov"
    homepage = "https://images.nasa.gov"
    terms = "https://www.nasa.gov/nasa-brand-center/images-and-media/"
    opt_in = True
    licensed = False
    page_size = PAGE_SIZE
    Options: type[BaseModel] = NasaOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page of images; the cursor is the number of the page."""
        page = page_number(cursor, self.name, last=CURSOR_LAST)
        options = own_options(query.options, NasaOptions)
        params: dict[str, Param] = {
            "q": query.keyword,
            "media_type": "image",
            "center": options.center,
            "photographer": options.photographer,
            "year_start": options.year_start,
            "year_end": options.year_end,
            "page": page,
            "page_size": PAGE_SIZE,
        }
        answer = self.ask(web, "/search", params)
        collection = answer.data.child("collection")
        waits, found = [answer.wait], []
        items = collection.children("items")
        for item in items:
            facts = item.children("data")
            if not facts:
                raise item.changed("data", "is empty")
            links = [link.text("href") for link in item.children("links", absent=True)]
            if _best(links, options.size) is None:
                more, wait = self._renditions(facts[0].text("nasa_id"), web)
                links, waits = [*links, *more], [*waits, wait]
            candidate = _candidate(facts[0], links, options.size)
            if candidate is not None:
                found.append(candidate)
        # An image without links may be there all the same, or be gone; that all of them lack links, and some are gone,
        # is the field that has another name.
        if len(found) < len(items) and not any(item.has("links") for item in items):
            raise items[0].changed("links")
        total = collection.child("metadata").whole("total_hits")
        # One page has no links; of several, even the last one has a "prev".
        links_to = collection.children("links", absent=total <= page * PAGE_SIZE)
        onward = any(link.text("rel") == "next" for link in links_to)
        wait = max((seconds for seconds in waits if seconds is not None), default=None)
        return Page(tuple(found), str(page + 1) if onward else None, wait)

    def _renditions(self, nasa_id: str, web: Web) -> tuple[list[str], float | None]:
        """Return the addresses of an image's files, none where it is gone, and the seconds to wait."""
        try:
            answer = self.ask(web, f"/asset/{quote(nasa_id, safe='')}")
        except Refused as error:
            if error.answered != 404:
                raise
            return [], None
        items = answer.data.child("collection").children("items")
        return [item.text("href") for item in items], answer.wait


def _best(links: list[str], size: str) -> str | None:
    """Return the file of the size, else the largest below it, else the smallest above it; None without one.

    Previews do not count: where only they are known, the renditions have to be asked for.
    """
    sizes = {match[1].lower(): link for link in links if _is_picture(link) and (match := _RENDITION.search(link))}
    ladder = ["small", "medium", "large", "orig"]
    place = ladder.index(size)
    order = [*reversed(ladder[1 : place + 1]), *ladder[place + 1 :]]
    return next((sizes[each] for each in order if each in sizes), None)


def _is_picture(link: str) -> bool:
    return PurePosixPath(urlsplit(link).path).suffix.lstrip(".").lower() in PICTURES


def _candidate(facts: Node, links: list[str], size: str) -> Candidate | None:
    url = _best(links, size) or next((link for link in links if _is_picture(link) and "~thumb." not in link), None)
    if url is None:  # a preview alone is no picture for a data set
        return None
    preview = next((link for link in links if "~thumb." in link or "~small." in link), "")
    nasa_id, title = facts.text("nasa_id"), facts.text("title", null=True)
    creator = facts.text("photographer", absent=True) or facts.text("secondary_creator", absent=True)
    center = facts.text("center", absent=True)
    return Candidate(
        external_id=nasa_id,
        image_url=_secure(url),
        thumb_url=_secure(preview) if preview else "",
        page_url=f"https://images.nasa.gov/details/{quote(nasa_id, safe='')}",
        title=title,
        creator=creator,
        attribution=", ".join(part for part in (title, creator, f"NASA {center}".strip()) if part),
        filetype=PurePosixPath(urlsplit(url).path).suffix.lstrip(".").lower(),
        tags=facts.words("keywords", null=True, absent=True)[:TAGS_MAX],
        raw={"center": center, "date": facts.text("date_created", absent=True)},
    )


def _secure(url: str) -> str:
    """Return the address with https and its blanks encoded: the source lists http addresses with blanks in them."""
    parts = urlsplit(url)
    try:
        return clean_url(urlunsplit(("https", *parts[1:])))
    except ValueError:
        return url


ENGINE = NasaEngine()
