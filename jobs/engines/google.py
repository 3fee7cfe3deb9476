"""Google's Programmable Search: closed to new customers, and to everybody from 2027 on (CONTRACT X61)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from .addresses import join_url
from .asking import Answer, Node, Refused, page_number
from .base import Candidate, EngineError, EngineUnavailable, Page, Query, Web
from .keys import KeyedEngine
from .markup import strip_html
from .remote import own_options

PAGE_SIZE = 10
DEPTH = 100  # start + num may not exceed it

# What Google says of a quota, with 403 as well as with 429.
_DAILY = ("dailyLimitExceeded", "per day")
_BUSY = ("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded")
_RIGHTS = {
    "PDM": "cc_publicdomain",
    "BY": "cc_attribute",
    "BY-SA": "cc_sharealike",
    "BY-NC": "cc_noncommercial",
    "BY-ND": "cc_nonderived",
}

Shade = Literal["color", "gray", "mono", "trans"]
Color = Literal["black", "blue", "brown", "green", "orange", "pink", "purple", "red", "teal", "white", "yellow"]


class GoogleOptions(BaseModel):
    """Filters of the search."""

    model_config = ConfigDict(extra="forbid")

    size: Literal["icon", "small", "medium", "large", "xlarge", "xxlarge", "huge"] | None = None
    type: Literal["photo", "face", "clipart", "lineart", "stock", "animated"] | None = None
    color: Shade | Color | None = Field(
        default=None, description="A kind of colours (trans is transparent), or the prevailing colour."
    )
    license: list[Literal["PDM", "BY", "BY-SA", "BY-NC", "BY-ND"]] = Field(
        default_factory=list,
        max_length=5,
        description="Only pages that claim one of these. Google does not say which of them an image has.",
    )
    filetype: Literal["jpg", "png", "gif", "bmp", "webp"] | None = None
    safe_search: Literal["strict", "off"] = "strict"


class GoogleEngine(KeyedEngine):
    """Images of the web as Google finds them; at most 100 of one keyword, and no licences."""

    name = "google"
    description = "Google's Programmable Search, with a key; closed to new customers, ends on 2027-01-01."
    api = "https://www.googleapis.com"
    homepage = "https://programmablesearchengine.google.com/"
    terms = "https://developers.google.com/custom-search/terms"
    settings = ("PIXTASKS_GOOGLE_API_KEY", "PIXTASKS_GOOGLE_CX")
    licensed = False
    page_size = PAGE_SIZE
    depth = DEPTH
    Options: type[BaseModel] = GoogleOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return ten results; the cursor is the number of the first of them.

        Raises:
            EngineUnavailable: also where the quota of the day is used up: until it is filled again.
        """
        start = page_number(cursor, self.name, last=DEPTH - 1)
        key, cx = self.keys()
        params = {"key": key, "cx": cx, "q": query.keyword, "searchType": "image"}
        params |= {"num": str(min(PAGE_SIZE, DEPTH - start)), "start": str(start)}
        params |= _filters(own_options(query.options, GoogleOptions))
        try:
            return _page(self.ask(web, "/customsearch/v1", params), start)
        except (Refused, EngineUnavailable) as error:
            raise _meant(error) from error

    def words(self, refusal: Node) -> str:
        """Return Google's reason and sentence."""
        error = refusal.child("error")
        reasons = (each.text("reason", absent=True) for each in error.children("errors", absent=True))
        return ": ".join(filter(None, (*reasons, error.text("message", absent=True))))


def _page(answer: Answer, start: int) -> Page:
    data = answer.data
    if not data.has("items"):
        # Without results Google leaves the list out. Only where it claims results on the first page is that odd.
        if start == 1 and data.child("searchInformation").whole("totalResults") > 0:
            raise data.changed("items")
        return Page((), None, answer.wait)
    candidates = tuple(filter(None, map(_candidate, data.children("items"))))
    following = data.child("queries").children("nextPage", absent=True)
    first = following[0].whole("startIndex") if following else 0
    return Page(candidates, str(first) if start < first < DEPTH else None, answer.wait)


def _candidate(item: Node) -> Candidate | None:
    image_url = join_url("", item.text("link"))
    if image_url is None:
        return None
    image = item.child("image")
    kind, _, filetype = item.text("mime", absent=True).partition("/")
    return Candidate(
        external_id=image_url,
        image_url=image_url,
        thumb_url=join_url("", image.text("thumbnailLink", absent=True)) or "",
        page_url=join_url("", image.text("contextLink", absent=True)) or "",
        title=strip_html(item.text("title", absent=True)),
        width=image.number("width", absent=True),
        height=image.number("height", absent=True),
        filetype=filetype if kind == "image" else "",
        raw={"site": item.text("displayLink", absent=True), "bytes": image.number("byteSize", absent=True)},
    )


def _filters(options: GoogleOptions) -> dict[str, str]:
    shade = options.color in get_args(Shade)
    return {
        "imgSize": options.size or "",
        "imgType": options.type or "",
        "imgColorType": (options.color or "") if shade else "",
        "imgDominantColor": "" if shade else options.color or "",
        "rights": "|".join(_RIGHTS[each] for each in options.license),
        "fileType": options.filetype or "",
        "safe": "active" if options.safe_search == "strict" else "off",
    }


def _meant(error: Refused | EngineUnavailable) -> EngineError:
    """Return what a refusal means: one that speaks of a quota passes."""
    if any(word in error.message for word in _DAILY):
        message = "google: the quota of the day is used up; it is filled again at midnight in California."
        return EngineUnavailable(message, retry_after=_until_midnight(datetime.now(UTC)))
    if isinstance(error, Refused) and any(word in error.said for word in _BUSY):
        return EngineUnavailable(error.message)
    return error


def _until_midnight(now: datetime) -> float:
    """Return the seconds until midnight in California, when Google fills its daily quotas again."""
    there = now.astimezone(ZoneInfo("America/Los_Angeles"))
    midnight = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max((midnight.astimezone(UTC) - now).total_seconds(), 60.0)


ENGINE = GoogleEngine()
