"""Openverse: openly licensed images of many collections, with their licence and a ready attribution.

Source: the API of https://api.openverse.org. Anonymous callers get 20 pages of 20 results, registered ones 20 of 500.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from jobs.licenses import normalize

from .asking import Node, page_number
from .base import Candidate, EngineError, Page, Query, Web
from .registered import Access, Reach, RegisteredEngine
from .remote import own_options

PAGE_SIZE = 20  # results; an anonymous request for more is refused with 401
LARGE_PAGE = 500  # results on a page for who has registered
DEPTH = 20  # pages; further ones are refused
_LARGE = f"x{LARGE_PAGE}"  # what the cursors of large pages end with
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


class OpenverseEngine(RegisteredEngine):
    """The search of Openverse."""

    name = "openverse"
    description = "Openly licensed images of many collections, found by Openverse, with licence and attribution."
    api = "https://api.openverse.org"
    homepage = "https://openverse.org"
    terms = "https://docs.openverse.org/terms_of_service.html"
    default = True
    optional = ("PIXTASKS_OPENVERSE_CLIENT_ID", "PIXTASKS_OPENVERSE_CLIENT_SECRET")
    grant_path = "/v1/auth_tokens/token/"
    Options: type[BaseModel] = OpenverseOptions

    @property
    def access(self) -> Access:
        """What it answers to anybody, and to who has registered."""
        try:
            registered = self.credentials() is not None
        except EngineError:  # Half of them: it is not usable, and says so in ``missing``.
            registered = False
        return Access(
            registered,
            self.optional,
            anonymous=Reach(PAGE_SIZE, PAGE_SIZE * DEPTH),
            credentials=Reach(LARGE_PAGE, LARGE_PAGE * DEPTH),
        )

    @property
    def page_size(self) -> int:
        """Results on a page."""
        return self.access.reach.page_size

    @property
    def depth(self) -> int:
        """Results of one keyword at most."""
        return self.access.reach.results

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page of results; the cursor is the number of the page, with "x500" where pages are large."""
        registered = self.registered(web)
        large = cursor is not None and cursor.endswith(_LARGE)
        size = LARGE_PAGE if large or (cursor is None and registered) else PAGE_SIZE
        page = page_number(cursor.removesuffix(_LARGE) if cursor else cursor, self.name, last=DEPTH)
        if size > PAGE_SIZE and not registered:
            # The credentials were taken away in the middle of a chunk: it goes on where it was, on small pages.
            page, size = (page - 1) * (size // PAGE_SIZE) + 1, PAGE_SIZE
            if page > DEPTH:
                return Page((), None)
        options = own_options(query.options, OpenverseOptions)
        answer = self.ask(
            web,
            "/v1/images/",
            {
                "q": query.keyword[:KEYWORD_MAX],
                "page": page,
                "page_size": size,
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
        following = f"{page + 1}{_LARGE}" if size > PAGE_SIZE else str(page + 1)
        return Page(found, following if page < last else None, answer.wait)


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
