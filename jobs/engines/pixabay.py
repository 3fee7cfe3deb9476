"""Pixabay: photographs and drawings under its own licence."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.licenses import normalize

from .addresses import join_url
from .asking import Node, Param, Refused, page_number
from .base import Candidate, EngineError, Page, Query, Web
from .keys import KeyedEngine
from .markup import strip_html
from .remote import own_options

LICENSE_URL = "https://pixabay.com/service/license-summary/"
KEYWORD_MAX = 100  # characters
PAGE_MIN, PAGE_MAX = 20, 200

_FILES = ("imageURL", "fullHDURL", "largeImageURL")  # the first two only with full access


class PixabayOptions(BaseModel):
    """Filters of the search."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["all", "photo", "illustration", "vector"] = "photo"
    orientation: Literal["all", "horizontal", "vertical"] = "all"
    category: (
        Literal[
            "backgrounds", "fashion", "nature", "science", "education", "feelings", "health", "people", "religion",
            "places", "animals", "industry", "computer", "food", "sports", "transportation", "travel", "buildings",
            "business", "music",
        ]
        | None
    ) = None  # fmt: skip
    color: list[
        Literal[
            "grayscale", "transparent", "red", "orange", "yellow", "green", "turquoise", "blue", "lilac", "pink",
            "white", "gray", "black", "brown",
        ]
    ] = Field(default_factory=list, max_length=14)  # fmt: skip
    min_width: int = Field(default=0, ge=0, le=100_000, description="Pixels of the original.")
    min_height: int = Field(default=0, ge=0, le=100_000, description="Pixels of the original.")
    editors_choice: bool = False
    order: Literal["popular", "latest"] = "popular"
    language: Literal[
        "cs", "da", "de", "en", "es", "fr", "id", "it", "hu", "nl", "no", "pl", "pt", "ro", "sk", "fi", "sv", "tr",
        "vi", "th", "bg", "ru", "el", "ja", "ko", "zh",
    ] = "en"  # fmt: skip
    safe_search: Literal["strict", "off"] = "strict"


class PixabayEngine(KeyedEngine):
    """Photographs and drawings of Pixabay, with creator and tags."""

    name = "pixabay"
    description = (
        "Photographs and drawings under the Pixabay licence, with a key; systematic mass download is forbidden."
    )
    api = "https://pixabay.com"
    homepage = "https://pixabay.com/"
    terms = "https://pixabay.com/service/terms/"
    settings = ("PIXTASKS_PIXABAY_API_KEY",)
    page_size = PAGE_MAX
    Options: type[BaseModel] = PixabayOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page; the cursor is its number.

        Raises:
            EngineError: also for a keyword that is too long.
        """
        options = own_options(query.options, PixabayOptions)
        if len(query.keyword) > KEYWORD_MAX:
            raise EngineError(f"pixabay takes keywords of at most {KEYWORD_MAX} characters; shorten it.")
        page = page_number(cursor, self.name, last=10_000)
        size = max(PAGE_MIN, min(query.limit, PAGE_MAX))
        (key,) = self.keys()
        params: dict[str, Param] = {"key": key, "q": query.keyword, "page": page, "per_page": size}
        try:
            answer = self.ask(web, "/api/", params | _filters(options))
        except Refused as error:
            # A refused key is a 400 with a line of text, as everything else is that is wrong with a request.
            if error.answered == 400 and "api key" in error.said.lower():
                raise EngineError(f"{error.message} Check {self.settings[0]}.") from error
            raise
        hits = answer.data.children("hits")
        total = answer.data.whole("totalHits")
        candidates = tuple(filter(None, map(_candidate, hits)))
        return Page(candidates, str(page + 1) if hits and page * size < total else None, answer.wait)


def _candidate(hit: Node) -> Candidate | None:
    field = next((name for name in _FILES if hit.has(name)), _FILES[-1])
    image_url = join_url("", hit.text(field))
    if image_url is None:
        return None
    creator = strip_html(hit.text("user"))
    terms = normalize("Pixabay Content License", url=LICENSE_URL)
    original = field == "imageURL"
    return Candidate(
        image_url=image_url,
        thumb_url=join_url("", hit.text("previewURL", absent=True)) or "",
        page_url=join_url("", hit.text("pageURL")) or "",
        title=strip_html(hit.text("tags", absent=True)),
        creator=creator,
        creator_url=f"https://pixabay.com/users/{hit.text('user_id')}/",
        license=terms.code,
        license_version=terms.version,
        license_url=terms.url,
        attribution=f"Image by {creator} from Pixabay",
        external_id=hit.text("id"),
        # The sizes that are told are the original's.
        width=hit.number("imageWidth") if original else None,
        height=hit.number("imageHeight") if original else None,
        tags=tuple(filter(None, (tag.strip() for tag in hit.text("tags", absent=True).split(",")))),
        raw={"type": hit.text("type", absent=True)},
    )


def _filters(options: PixabayOptions) -> dict[str, Param]:
    return {
        "lang": options.language,
        "image_type": options.type,
        "orientation": options.orientation,
        "category": options.category,
        "colors": ",".join(options.color),
        "min_width": options.min_width or None,
        "min_height": options.min_height or None,
        "editors_choice": options.editors_choice or None,
        "order": options.order,
        "safesearch": options.safe_search == "strict",
    }


ENGINE = PixabayEngine()
