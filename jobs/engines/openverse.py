"""Openverse: openly licensed images of many collections, with their licence and a ready attribution.

Source: the API of https://api.openverse.org. Anonymous callers get 20 pages of 20 results.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from jobs.licenses import normalize

from .asking import Node, page_number
from .base import Candidate, Page, Query, Web
from .remote import RemoteEngine, own_options

PAGE_SIZE = 20  # results; an anonymous request for more is refused with 401
DEPTH = 20  # pages; further ones are refused
KEYWORD_MAX = 200  # characters; the source cuts the rest off without a word

Collection = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]


class OpenverseOptions(BaseModel):
    """Filters of the source; what is left out does not filter."""

    model_config = ConfigDict(extra="forbid")

    license: list[Literal["CC0", "PDM", "BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND"]] = Field(
        default=[], max_length=8, description="Only these licences."
    )
    license_type: list[Literal["commercial", "modification"]] = Field(
        default=[], max_length=2, description="Only licences that allow all of these uses."
    )
    category: Literal["photograph", "illustration", "digitized_artwork"] | None = None
    aspect_ratio: Literal["tall", "wide", "square"] | None = None
    size: Literal["small", "medium", "large"] | None = None
    extension: list[Literal["jpg", "jpeg", "png", "gif", "webp", "tiff"]] = Field(default=[], max_length=6)
    source: list[Collection] = Field(default=[], max_length=50, description='Only these, such as "flickr".')
    excluded_source: list[Collection] = Field(default=[], max_length=50, description="Not these.")
    mature: bool = Field(default=False, description="Also what the source marks as mature.")
    filter_dead: bool = Field(default=True, description="Leave out images that the source found to be gone.")

    @model_validator(mode="after")
    def _one_of_both(self) -> OpenverseOptions:
        if self.source and self.excluded_source:
            raise ValueError('give either "source" or "excluded_source", not both')
        return self


class OpenverseEngine(RemoteEngine):
    """The search of Openverse."""

    name = "openverse"
    description = "Openly licensed images of many collections, found by Openverse, with licence and attribution."
    api = "https://api.openverse.org"
    homepage = "https://openverse.org"
    terms = "https://docs.openverse.org/terms_of_service.html"
    default = True
    page_size = PAGE_SIZE
    depth = PAGE_SIZE * DEPTH
    Options: type[BaseModel] = OpenverseOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page of results; the cursor is the number of the page."""
        page = page_number(cursor, self.name, last=DEPTH)
        options = own_options(query.options, OpenverseOptions)
        answer = self.ask(
            web,
            "/v1/images/",
            {
                "q": query.keyword[:KEYWORD_MAX],
                "page": page,
                "page_size": PAGE_SIZE,
                "license": ",".join(code.lower() for code in options.license),
                "license_type": ",".join(options.license_type),
                "category": options.category,
                "aspect_ratio": options.aspect_ratio,
                "size": options.size,
                "extension": ",".join(options.extension),
                "source": ",".join(options.source),
                "excluded_source": ",".join(options.excluded_source),
                "mature": options.mature,
                "filter_dead": options.filter_dead,
            },
        )
        found = tuple(_candidate(item) for item in answer.data.children("results"))
        last = min(answer.data.whole("page_count"), DEPTH)
        return Page(found, str(page + 1) if page < last else None, answer.wait)


def _candidate(item: Node) -> Candidate:
    version = item.text("license_version", null=True)
    terms = normalize(f"{item.text('license', null=True)} {version}".strip(), url=item.text("license_url", null=True))
    return Candidate(
        external_id=item.text("id"),
        image_url=item.text("url"),
        thumb_url=item.text("thumbnail", absent=True),
        page_url=item.text("foreign_landing_url", null=True),
        title=item.text("title", null=True),
        creator=item.text("creator", null=True),
        creator_url=item.text("creator_url", absent=True),
        license=terms.code,
        license_version=terms.version or version,
        license_url=terms.url,
        attribution=item.text("attribution", null=True),
        width=item.number("width", absent=True),
        height=item.number("height", absent=True),
        filetype=item.text("filetype", absent=True),
        tags=tuple(dict.fromkeys(tag.text("name") for tag in item.children("tags", absent=True))),
        raw={
            "source": item.text("source", absent=True),
            "provider": item.text("provider", absent=True),
            "category": item.text("category", absent=True),
            "mature": item.flag("mature", absent=True),
        },
    )


ENGINE = OpenverseEngine()
