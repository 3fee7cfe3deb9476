"""Flickr: photographs of its members, most with a licence."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.licenses import License, normalize

from .addresses import join_url
from .asking import Answer, Node, Param
from .base import Candidate, EngineError, EngineUnavailable, Page, Query, Web
from .keys import KeyedEngine, hide
from .markup import strip_html
from .remote import own_options

DEPTH = 4_000  # beyond so many results of one query Flickr repeats itself
PAGE_MIN, PAGE_MAX = 50, 500
QUOTA_WAIT = 3_600.0  # seconds; the key's quota is one of the hour

# Codes that hold for every method (flickr.com/services/api). Search itself says 10 when it is down, and 0 sometimes.
_DOWN = frozenset({0, 10, 105, 106})
_KEY_REFUSED = 100
_QUOTA = ("rate limit", "quota", "too many requests", "limit exceeded")

_RENDITIONS = {"original": "url_o", "large": "url_l", "medium": "url_c", "small": "url_m"}
_SAFETY = {"strict": 1, "moderate": 2, "off": 3}
_TYPES = {"photo": 1, "screenshot": 2, "other": 3}
_ORDERS = {"relevance": "relevance", "newest": "date-posted-desc", "interesting": "interestingness-desc"}
_Code = Literal["BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND", "CC0", "PDM", "NKC", "USGOV", "ARR"]


class FlickrOptions(BaseModel):
    """Filters of the search."""

    model_config = ConfigDict(extra="forbid")

    license: tuple[_Code, ...] = Field(
        default=("BY", "BY-SA", "CC0", "PDM"),
        max_length=11,
        description="Only these licences, of any version; an empty list takes every photo, all rights reserved too.",
    )
    size: Literal["original", "large", "medium", "small"] = Field(
        default="large", description="Which rendition is fetched; where there is none, the next smaller one."
    )
    type: Literal["photo", "screenshot", "other"] | None = "photo"
    safe_search: Literal["strict", "moderate", "off"] = "strict"
    sort: Literal["relevance", "newest", "interesting"] = "relevance"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a search stands: the page to ask for, and what Flickr calls its licences (id → name and address).

    The licences are asked for once per search and travel in the cursor, so that a page depends on nothing else.
    """

    page: int
    licenses: Mapping[str, tuple[str, str]]

    def dump(self) -> str:
        return json.dumps({"page": self.page, "licenses": self.licenses}, separators=(",", ":"))

    @staticmethod
    def load(cursor: str) -> _Place:
        """Return the place of a cursor.

        Raises:
            EngineError: the cursor is not one of this engine's.
        """
        try:
            value = json.loads(cursor)
            known = {str(number): (str(name), str(url)) for number, (name, url) in value["licenses"].items()}
            page = int(value["page"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise EngineError("The cursor is not one of flickr; start the search anew.") from error
        if not 1 < page <= DEPTH:
            raise EngineError("The cursor is not one of flickr; start the search anew.")
        return _Place(page, known)


class FlickrEngine(KeyedEngine):
    """Photographs of Flickr's members, with licence, creator and tags."""

    name = "flickr"
    description = "Photographs of Flickr's members with their licences; needs a key, which Pro accounts get."
    api = "https://api.flickr.com"
    homepage = "https://www.flickr.com/"
    terms = "https://www.flickr.com/help/terms/api"
    settings = ("PIXTASKS_FLICKR_API_KEY",)
    page_size = PAGE_MAX
    depth = DEPTH
    Options: type[BaseModel] = FlickrOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page; the first one takes two requests, because the licences' ids are asked for.

        Raises:
            EngineUnavailable: also where the quota of the hour is used up.
        """
        options = own_options(query.options, FlickrOptions)
        place = _Place(1, self._licenses(web)) if cursor is None else _Place.load(cursor)
        wanted = _ids(place.licenses, options.license)
        if options.license and not wanted:
            raise EngineError(f"flickr has none of the licences {', '.join(options.license)} at the moment.")
        size = max(PAGE_MIN, min(query.limit, PAGE_MAX))
        answer = self._call(
            web,
            {
                "method": "flickr.photos.search",
                "text": query.keyword,
                "license": ",".join(wanted),
                "media": "photos",
                "content_type": _TYPES[options.type] if options.type else None,
                "safe_search": _SAFETY[options.safe_search],
                "sort": _ORDERS[options.sort],
                "extras": "license,owner_name,tags,url_o,url_l,url_c,url_m",
                "per_page": size,
                "page": place.page,
            },
        )
        return _page(answer, place, options, size)

    def _licenses(self, web: Web) -> dict[str, tuple[str, str]]:
        data = self._call(web, {"method": "flickr.photos.licenses.getInfo"}).data
        return {
            each.text("id"): (each.text("name"), each.text("url", null=True))
            for each in data.child("licenses").children("license")
        }

    def _call(self, web: Web, params: dict[str, Param]) -> Answer:
        """Return the answer of one of Flickr's methods; a failure is told with status 200."""
        (key,) = self.keys()
        params |= {"api_key": key, "format": "json", "nojsoncallback": 1}
        answer = self.ask(web, "/services/rest/", params)
        if answer.data.text("stat") == "ok":
            return answer
        error = _failure(answer)
        hide(error, (key,))
        raise error


def _failure(answer: Answer) -> EngineError:
    code = answer.data.number("code", absent=True)
    said = answer.data.text("message", absent=True)[:300].rstrip(".")
    message = f"flickr failed (code {code}: {said})."
    if any(word in said.lower() for word in _QUOTA):
        return EngineUnavailable(message, retry_after=answer.retry_after or QUOTA_WAIT)
    if code in _DOWN:
        return EngineUnavailable(message, retry_after=answer.retry_after)
    return EngineError(f"{message} Check PIXTASKS_FLICKR_API_KEY." if code == _KEY_REFUSED else message)


def _ids(known: Mapping[str, tuple[str, str]], wanted: Collection[str]) -> list[str]:
    """Return Flickr's ids of the licences, every version of them."""
    return [number for number, (name, url) in known.items() if _license(name, url).code in wanted]


def _license(name: str, url: str) -> License:
    # Flickr's names lack the version, which the address has; what is not Creative Commons has only a name.
    return normalize(name, url=url)


def _page(answer: Answer, place: _Place, options: FlickrOptions, size: int) -> Page:
    photos = answer.data.child("photos")
    pages = photos.whole("pages")
    listed = photos.children("photo")
    candidates = tuple(filter(None, (_candidate(each, place, options.size) for each in listed)))
    if listed and not candidates and not any(each.has(field) for each in listed for field in _RENDITIONS.values()):
        raise listed[0].changed(_RENDITIONS["small"])
    more = place.page < pages and place.page * size < DEPTH
    return Page(candidates, _Place(place.page + 1, place.licenses).dump() if more else None, answer.wait)


def _candidate(photo: Node, place: _Place, size: str) -> Candidate | None:
    """Return the candidate of a photo, None where its owner lets nobody have a file."""
    sizes = list(_RENDITIONS)
    field = next((_RENDITIONS[each] for each in sizes[sizes.index(size) :] if photo.has(_RENDITIONS[each])), "")
    # A photo smaller than the rendition that is wanted exists as its original only.
    field = field or next((_RENDITIONS[each] for each in reversed(sizes) if photo.has(_RENDITIONS[each])), "")
    image_url = join_url("", photo.text(field)) if field else None
    if image_url is None:
        return None
    suffix = field.removeprefix("url_")
    number, owner = photo.text("id"), photo.text("owner")
    title, creator = strip_html(photo.text("title")), strip_html(photo.text("ownername"))
    terms = _license(*place.licenses.get(photo.text("license"), ("", "")))
    return Candidate(
        image_url=image_url,
        thumb_url=join_url("", photo.text("url_m", absent=True)) or "",
        page_url=f"https://www.flickr.com/photos/{owner}/{number}",
        title=title,
        creator=creator,
        creator_url=f"https://www.flickr.com/people/{owner}/",
        license=terms.code,
        license_version=terms.version,
        license_url=terms.url,
        attribution=", ".join(filter(None, (f"“{title or number}” by {creator}", terms.name))),
        external_id=number,
        width=photo.number(f"width_{suffix}", null=True, absent=True),
        height=photo.number(f"height_{suffix}", null=True, absent=True),
        tags=tuple(photo.text("tags", absent=True).split()),
        raw={"license": photo.text("license")},
    )


ENGINE = FlickrEngine()
