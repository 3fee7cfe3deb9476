"""Pexels: photographs under its own licence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jobs.licenses import normalize

from .addresses import join_url
from .asking import Node, page_number
from .base import Candidate, Page, Query, Web
from .keys import KeyedEngine
from .markup import strip_html
from .remote import own_options

LICENSE_URL = "https://www.pexels.com/license/"
PAGE_MIN, PAGE_MAX = 15, 80


class PexelsOptions(BaseModel):
    """Filters of the search."""

    model_config = ConfigDict(extra="forbid")

    orientation: Literal["landscape", "portrait", "square"] | None = None
    size: Literal["large", "medium", "small"] | None = Field(
        default=None, description="At least 24, 12 or 4 megapixels."
    )
    color: Annotated[str, StringConstraints(pattern=r"^([a-z]{3,12}|#[0-9a-fA-F]{6})$")] | None = Field(
        default=None, description="The prevailing colour: red, orange, yellow … or #rrggbb."
    )
    locale: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}-[A-Z]{2}$")] | None = Field(
        default=None, description="Language of the keyword, such as de-DE."
    )
    rendition: Literal["original", "large2x", "large", "medium", "small"] = Field(
        default="original", description="Which file is fetched."
    )


class PexelsEngine(KeyedEngine):
    """Photographs of Pexels, with creator."""

    name = "pexels"
    description = "Photographs under the Pexels licence, with a key; its terms limit what may be built of them."
    api = "https://api.pexels.com"
    homepage = "https://www.pexels.com/"
    terms = "https://www.pexels.com/api/documentation/#guidelines"
    settings = ("PIXTASKS_PEXELS_API_KEY",)
    page_size = PAGE_MAX
    Options: type[BaseModel] = PexelsOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page; the cursor is its number."""
        options = own_options(query.options, PexelsOptions)
        page = page_number(cursor, self.name, last=10_000)
        size = max(PAGE_MIN, min(query.limit, PAGE_MAX))
        (key,) = self.keys()
        answer = self.ask(
            web,
            "/v1/search",
            {
                "query": query.keyword,
                "orientation": options.orientation,
                "size": options.size,
                "color": options.color,
                "locale": options.locale,
                "page": page,
                "per_page": size,
            },
            headers={"authorization": key},
        )
        photos = answer.data.children("photos")
        candidates = tuple(filter(None, (_candidate(each, options.rendition) for each in photos)))
        # An address beyond the last page is never asked for: an empty page ends the search whatever comes with it.
        more = bool(photos) and answer.data.text("next_page", null=True, absent=True) != ""
        # Only the last page has none. Later pages may end sooner than the total claims, the first one does not.
        if photos and page == 1 and not more and (answer.data.number("total_results", absent=True) or 0) > size:
            raise answer.data.changed("next_page")
        return Page(candidates, str(page + 1) if more else None, answer.wait)

    def words(self, refusal: Node) -> str:
        """Return Pexels' sentence, which it calls a code."""
        return super().words(refusal) or refusal.text("code", absent=True)


def _candidate(photo: Node, rendition: str) -> Candidate | None:
    files = photo.child("src")
    image_url = join_url("", files.text(rendition))
    if image_url is None:
        return None
    creator = strip_html(photo.text("photographer"))
    original = rendition == "original"
    terms = normalize("Pexels License", url=LICENSE_URL)
    return Candidate(
        image_url=image_url,
        thumb_url=join_url("", files.text("small", absent=True)) or "",
        page_url=join_url("", photo.text("url")) or "",
        title=strip_html(photo.text("alt", null=True, absent=True)),
        creator=creator,
        creator_url=join_url("", photo.text("photographer_url", absent=True)) or "",
        license=terms.code,
        license_version=terms.version,
        license_url=terms.url,
        attribution=f"Photo by {creator} on Pexels",
        external_id=photo.text("id"),
        # The sizes that are told are the original's.
        width=photo.number("width") if original else None,
        height=photo.number("height") if original else None,
        raw={"avg_color": photo.text("avg_color", null=True, absent=True)},
    )


ENGINE = PexelsEngine()
