"""The engine: lists the pictures of the catalogue, page by page, as any search API would."""

from __future__ import annotations

from django.conf import settings
from pydantic import BaseModel, ConfigDict

from jobs.engines.base import Candidate, EngineError, Page, Query, Web

from . import catalogue

CREATOR = "pixtasks sample painter"
LICENSE_URL = "https://creativecommons.org/publicdomain/zero/1.0/"


class SampleOptions(BaseModel):
    """This engine has no options."""

    model_config = ConfigDict(extra="forbid")


class SampleEngine:
    """Pictures made by this product, without the internet; a few are broken, tiny or repeated on purpose."""

    name = "sample"
    description = "Pictures painted and served by this installation, no internet needed; some are broken on purpose."
    rate_limited = False
    page_size = catalogue.PAGE_SIZE
    depth = catalogue.SUPPLY
    licensed = True
    Options: type[BaseModel] = SampleOptions

    def missing(self) -> list[str]:
        """Return the switch of the route that serves the pictures, where it is off."""
        return [] if settings.PIXTASKS_SAMPLES else ["PIXTASKS_SAMPLES"]

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return the next pictures of the keyword; the cursor is the index of the first of them.

        Raises:
            EngineError: the cursor is not one of this engine's.
        """
        start = 0 if cursor is None else int(cursor) if cursor.isdecimal() else -1
        if not 0 <= start <= catalogue.SUPPLY:
            raise EngineError(f"The cursor {cursor!r} is not one of this engine's; start the search anew.")
        if len(query.keyword) > catalogue.KEYWORD_MAX:
            raise EngineError(f"The keyword is longer than {catalogue.KEYWORD_MAX} characters; shorten it.")
        end = min(start + catalogue.PAGE_SIZE, catalogue.SUPPLY)
        items = (catalogue.item(query.keyword, query.engine, index) for index in range(start, end))
        return Page(tuple(map(_candidate, items)), str(end) if end < catalogue.SUPPLY else None)


def _candidate(item: catalogue.Item) -> Candidate:
    width, height = item.size
    return Candidate(
        image_url=catalogue.absolute(item.picture_path),
        thumb_url=catalogue.absolute(item.picture_path),
        page_url=catalogue.absolute(item.page_path),
        title=item.title,
        creator=CREATOR,
        creator_url=catalogue.absolute(catalogue.gallery_path(item.engine, item.keyword)),
        license="CC0",
        license_version="1.0",
        license_url=LICENSE_URL,
        attribution=f'"{item.title}" by {CREATOR}, CC0 1.0',
        external_id=f"{item.engine}/{item.keyword}/{item.index}",
        width=width,
        height=height,
        filetype=item.format,
        tags=(item.keyword,),
        raw={"index": item.index},
    )


ENGINE = SampleEngine()
