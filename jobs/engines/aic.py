"""The Art Institute of Chicago: its collection, the works in the public domain under CC0.

Source: https://api.artic.edu/docs. Images are addresses of its IIIF server.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.licenses import normalize

from .asking import Node, Param, Refused, page_number
from .base import Candidate, Page, Query, Web
from .remote import RemoteEngine, own_options

PAGE_SIZE = 100  # works; what the source allows
CURSOR_LAST = 10_000
FIELDS = "id,title,image_id,artist_title,artist_display,date_display,is_public_domain,thumbnail,classification_titles"


class AicOptions(BaseModel):
    """Filters of the source."""

    model_config = ConfigDict(extra="forbid")

    public_domain: bool = Field(default=True, description="Only works in the public domain.")
    width: Literal[400, 843, 1686] = Field(
        default=843,
        description="Width of the image in pixels; the museum recommends 843, and gives 1686 in the public domain.",
    )


class AicEngine(RemoteEngine):
    """The collection of the Art Institute of Chicago."""

    name = "aic"
    description = "Works of the Art Institute of Chicago; those in the public domain under CC0."
    api = "https://api.artic.edu"
    homepage = "https://www.artic.edu/collection"
    terms = "https://www.artic.edu/terms"
    opt_in = True
    page_size = PAGE_SIZE
    Options: type[BaseModel] = AicOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page of works; the cursor is the number of the page."""
        page = page_number(cursor, self.name, last=CURSOR_LAST)
        options = own_options(query.options, AicOptions)
        params: dict[str, Param] = {"q": query.keyword, "fields": FIELDS, "page": page, "limit": PAGE_SIZE}
        if options.public_domain:
            params["query[term][is_public_domain]"] = True
        try:
            answer = self.ask(web, "/api/v1/artworks/search", params)
        except Refused as error:
            # What lies too deep is answered with 403, after pages that were answered.
            if page > 1 and error.answered == 403 and "too many results" in error.said.lower():
                return Page((), None)
            raise
        pagination = answer.data.child("pagination")
        config = answer.data.child("config")
        iiif, site = config.text("iiif_url").rstrip("/"), config.text("website_url", absent=True).rstrip("/")
        found = tuple(
            _candidate(work, iiif, site or "https://www.artic.edu", options.width)
            for work in answer.data.children("data")
            if work.text("image_id", null=True)
        )
        more = page < pagination.whole("total_pages")
        return Page(found, str(page + 1) if more else None, answer.wait)


def _candidate(work: Node, iiif: str, site: str, width: int) -> Candidate:
    image = work.text("image_id")
    number, title = work.text("id"), work.text("title", null=True)
    artist = work.text("artist_title", null=True) or work.text("artist_display", null=True).partition("\n")[0]
    thumbnail = work.child("thumbnail", null=True)
    whole = thumbnail.number("width", absent=True), thumbnail.number("height", absent=True)
    free = work.flag("is_public_domain")
    terms = normalize("CC0" if free else "")
    shown = min(width, whole[0]) if whole[0] else None
    return Candidate(
        external_id=number,
        image_url=f"{iiif}/{image}/full/{width},/0/default.jpg",
        thumb_url=f"{iiif}/{image}/full/400,/0/default.jpg",
        page_url=f"{site}/artworks/{number}",
        title=title,
        creator=artist,
        license=terms.code,
        license_version=terms.version,
        license_url=terms.url,
        attribution=", ".join(
            part for part in (title, artist, "The Art Institute of Chicago", "CC0" if free else "") if part
        ),
        width=shown,
        height=round(whole[1] * shown / whole[0]) if shown and whole[0] and whole[1] else None,
        filetype="jpg",
        tags=work.words("classification_titles", null=True, absent=True),
        raw={
            "image_id": image,
            "date": work.text("date_display", absent=True),
            "width": whole[0],
            "height": whole[1],
        },
    )


ENGINE = AicEngine()
