"""Brave's image search: addresses of the web, without licences and without a second page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .addresses import join_url
from .asking import Node, Param, Refused
from .base import Candidate, EngineError, Page, Query, Web
from .keys import KeyedEngine
from .markup import strip_html
from .remote import own_options

KEYWORD_MAX, WORDS_MAX = 400, 50
PAGE_MIN, PAGE_MAX = 20, 200


class BraveOptions(BaseModel):
    """Filters of the search."""

    model_config = ConfigDict(extra="forbid")

    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|ALL)$")] = Field(
        default="ALL", description="Two capital letters, such as DE."
    )
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[a-z]{2,4})?$")] = Field(
        default="en", description="Language of the results, such as de."
    )
    spellcheck: bool = Field(default=False, description="Search for what Brave thinks that the keyword means.")
    safe_search: Literal["strict", "off"] = "strict"


class BraveEngine(KeyedEngine):
    """Images of the web as Brave finds them; at most 200 of one keyword, and no licences."""

    name = "brave"
    description = "Brave's image search, with a key: up to 200 images of a keyword, without licences."
    api = "https://api.search.brave.com"
    homepage = "https://brave.com/search/api/"
    terms = "https://api-dashboard.search.brave.com/terms-of-service"
    settings = ("PIXTASKS_BRAVE_API_KEY",)
    licensed = False
    page_size = PAGE_MAX
    depth = PAGE_MAX
    Options: type[BaseModel] = BraveOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return the one page that there is.

        Raises:
            EngineError: also for a keyword that is too long.
        """
        options = own_options(query.options, BraveOptions)
        if cursor is not None:
            raise EngineError(f"The cursor {cursor!r} is not one of brave, which has one page; start the search anew.")
        if len(query.keyword) > KEYWORD_MAX or len(query.keyword.split()) > WORDS_MAX:
            raise EngineError(f"brave takes keywords of at most {KEYWORD_MAX} characters and {WORDS_MAX} words.")
        (key,) = self.keys()
        params: dict[str, Param] = {
            "q": query.keyword,
            "country": options.country,
            "search_lang": options.language,
            "count": max(PAGE_MIN, min(query.limit * 2, PAGE_MAX)),
            "safesearch": options.safe_search,
            "spellcheck": options.spellcheck,
        }
        try:
            answer = self.ask(web, "/res/v1/images/search", params, headers={"x-subscription-token": key})
        except Refused as error:
            # A key that is malformed or unknown is a 422, as everything else is that is wrong with a request.
            if error.answered == 422 and "TOKEN" in error.said:
                raise EngineError(f"{error.message} Check {self.settings[0]}.") from error
            raise
        results = answer.data.children("results")
        return Page(tuple(filter(None, map(_candidate, results))), None, answer.wait)

    def words(self, refusal: Node) -> str:
        """Return Brave's code and sentence."""
        error = refusal.child("error")
        return ": ".join(filter(None, (error.text("code", absent=True), error.text("detail", absent=True))))


def _candidate(result: Node) -> Candidate | None:
    image = result.child("properties")
    image_url = join_url("", image.text("url"))
    if image_url is None:
        return None
    return Candidate(
        external_id=image_url,
        image_url=image_url,
        thumb_url=join_url("", result.child("thumbnail", absent=True, null=True).text("src", absent=True)) or "",
        page_url=join_url("", result.text("url", absent=True)) or "",
        title=strip_html(result.text("title", null=True, absent=True)),
        width=image.number("width", null=True, absent=True),
        height=image.number("height", null=True, absent=True),
        raw={
            "source": result.text("source", null=True, absent=True),
            "confidence": result.text("confidence", null=True, absent=True),
        },
    )


ENGINE = BraveEngine()
