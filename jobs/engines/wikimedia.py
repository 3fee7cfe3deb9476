"""Wikimedia Commons: freely licensed media, found by its own search.

Source: the Action API of https://commons.wikimedia.org. Originals are throttled sooner than thumbnails (phabricator
T413570), so what is fetched is the rendering of a standard width; ``raw`` names the original.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from jobs.licenses import normalize

from .asking import Answer, Node, Param
from .base import Candidate, EngineError, EngineUnavailable, Page, Query, Web
from .markup import first_link, strip_html
from .remote import RemoteEngine, own_options

PAGE_SIZE = 50  # results; what the source allows without an account
LAG = 5  # seconds its databases may be behind before it asks us to come later
CURSOR_MAX = 1_000  # characters
TAGS_MAX = 50
# What the answer may hold beside "query"; an empty result has only these.
BESIDES = frozenset({"batchcomplete", "continue", "warnings", "limits", "curtimestamp", "servedby"})
# Codes of errors that pass (mediawiki.org, API:Errors_and_warnings).
PASSING = frozenset({"maxlag", "ratelimited", "readonly", "cirrussearch-too-busy-error"})

Side = Annotated[int, Field(ge=1, le=100_000)]


class WikimediaOptions(BaseModel):
    """Filters of the source's search; what is left out does not filter."""

    model_config = ConfigDict(extra="forbid")

    width: Literal[330, 500, 960, 1280, 1920, 3840] = Field(
        default=1280,
        description="Width of the rendering that is fetched, in pixels; smaller originals come as they are.",
    )
    license: Literal["unrestricted", "attribution", "attribution-same-license"] | None = Field(
        default=None, description="Only public domain and CC0, only CC BY, or only CC BY-SA."
    )
    filetype: Literal["jpeg", "png", "gif", "tiff", "webp"] | None = None
    min_width: Side | None = Field(default=None, description="Pixels of the original.")
    min_height: Side | None = Field(default=None, description="Pixels of the original.")


class WikimediaEngine(RemoteEngine):
    """The search of Wikimedia Commons."""

    name = "wikimedia"
    description = "Freely licensed pictures of Wikimedia Commons, with licence and author."
    api = "https://commons.wikimedia.org"
    homepage = "https://commons.wikimedia.org"
    terms = "https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use"
    default = True
    page_size = PAGE_SIZE
    Options: type[BaseModel] = WikimediaOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page of results; the cursor is what the source wants repeated ("continue"), as JSON."""
        options = own_options(query.options, WikimediaOptions)
        params: dict[str, Param] = {
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "generator": "search",
            "gsrnamespace": 6,
            "gsrsearch": _search(query.keyword, options),
            "gsrlimit": PAGE_SIZE,
            "prop": "imageinfo",
            "iiprop": "url|size|mime|sha1|user|mediatype|extmetadata",
            "iiurlwidth": options.width,
            "maxlag": LAG,
        }
        answer = self.ask(web, "/w/api.php", params | _place(cursor))
        _check(answer)
        found = tuple(_candidate(file, info, self.homepage) for file, info in _files(answer.data))
        return Page(found, _onward(answer.data), answer.wait)

    def words(self, refusal: Node) -> str:
        """Return what the source says in its error, as text."""
        return strip_html(refusal.child("error").text("info"))


def _search(keyword: str, options: WikimediaOptions) -> str:
    """Return the words of the search, with the source's own operators for the filters."""
    terms = ["filetype:bitmap"]
    if options.license:
        terms.append(f"haslicense:{options.license}")
    if options.filetype:
        terms.append(f"filemime:image/{options.filetype}")
    if options.min_width:
        terms.append(f"filew:>{options.min_width - 1}")
    if options.min_height:
        terms.append(f"fileh:>{options.min_height - 1}")
    return " ".join([*terms, keyword])


def _place(cursor: str | None) -> dict[str, Param]:
    """Return the parameters that a cursor repeats.

    Raises:
        EngineError: the cursor is not one of this engine's.
    """
    if cursor is None:
        return {}
    try:
        value = json.loads(cursor) if len(cursor) <= CURSOR_MAX else None
    except ValueError:
        value = None
    # Only continuations, so that a cursor can turn the request into nothing else.
    if not value or not isinstance(value, dict) or not all(_continues(name, each) for name, each in value.items()):
        raise EngineError("The cursor is not one of wikimedia; start the search anew.")
    return dict(value)


def _onward(data: Node) -> str | None:
    """Return the cursor of the next page; None where this was the last."""
    if not data.has("continue"):
        return None
    onward = data.child("continue")
    value = dict(onward.value) if isinstance(onward.value, dict) else {}
    for name, each in value.items():
        if not _continues(name, each):
            raise onward.changed(name, "is no continuation that is known")
    return json.dumps(value, separators=(",", ":")) if value else None


def _continues(name: str, value: object) -> bool:
    """Tell whether a parameter is one that asks for what comes next."""
    return (name == "continue" or name.startswith(("gsr", "ii"))) and type(value) in (str, int)


def _check(answer: Answer) -> None:
    """Raise what an error in the body means: the source sends most of them with status 200."""
    if not answer.data.has("error"):
        return
    error = answer.data.child("error")
    code, info = error.text("code"), strip_html(error.text("info", absent=True)).rstrip(".")
    if code in PASSING or code.startswith("internal_api_error"):
        raise EngineUnavailable(f"wikimedia is not available ({code}: {info}).", retry_after=answer.retry_after)
    raise EngineError(f"wikimedia refused the request ({code}: {info}).")


def _files(data: Node) -> list[tuple[Node, Node]]:
    """Return (page, its imageinfo) of the bitmaps in the order of the search."""
    if not data.has("query"):
        if isinstance(data.value, dict) and data.value.keys() and data.value.keys() <= BESIDES:
            return []
        raise data.changed("query")
    pages = sorted(data.child("query").children("pages"), key=lambda page: page.whole("index"))
    # While the source is still gathering ("continue" without "batchcomplete"), some come with the next request.
    with_info = [(page, info) for page in pages for info in page.children("imageinfo", absent=True)[:1]]
    if pages and not with_info and data.has("batchcomplete"):
        raise pages[0].changed("imageinfo")
    return [
        (page, info)
        for page, info in with_info
        # A file may be lost, or hidden by an administrator: then there is nothing else to read of it.
        if not (info.has("filemissing") or info.has("filehidden")) and info.text("mediatype") == "BITMAP"
    ]


def _candidate(page: Node, info: Node, homepage: str) -> Candidate:
    meta = info.child("extmetadata", empty_list=True)

    def told(name: str) -> str:
        return meta.child(name, absent=True).text("value", absent=True)

    name = page.text("title")
    original = info.text("url")
    thumb = info.text("thumburl", absent=True)
    artist = told("Artist")
    terms = normalize(strip_html(told("LicenseShortName")), url=told("LicenseUrl"))
    creator = strip_html(artist)
    title = strip_html(told("ObjectName")) or PurePosixPath(name.partition(":")[2]).stem
    fetched = thumb or original
    return Candidate(
        external_id=page.text("pageid"),
        image_url=fetched,
        thumb_url=thumb,
        page_url=info.text("descriptionurl"),
        title=title,
        creator=creator,
        creator_url=first_link(artist, homepage),
        license=terms.code,
        license_version=terms.version,
        license_url=terms.url,
        attribution=", ".join(
            part for part in (title, creator, strip_html(told("LicenseShortName")), "via Wikimedia Commons") if part
        ),
        width=info.number("thumbwidth" if thumb else "width", absent=True),
        height=info.number("thumbheight" if thumb else "height", absent=True),
        filetype=PurePosixPath(urlsplit(fetched).path).suffix.lstrip(".").lower(),
        tags=tuple(dict.fromkeys(tag.strip() for tag in told("Categories").split("|") if tag.strip()))[:TAGS_MAX],
        raw={
            "file": name,
            "original": original,
            "width": info.number("width", absent=True),
            "height": info.number("height", absent=True),
            "bytes": info.number("size", absent=True),
            "mime": info.text("mime", absent=True),
            "sha1": info.text("sha1", absent=True),
            "usage_terms": strip_html(told("UsageTerms")),
        },
    )


ENGINE = WikimediaEngine()
