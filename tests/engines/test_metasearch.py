"""The engines that the library ddgs asks for us.

Its class is replaced by one that answers with recorded rows; then the library itself reads recorded pages from a server
of the test's own, so that what it is believed to say and what it says are the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import ddgs
import pytest
from ddgs.engines import ENGINES as BACKENDS
from ddgs.exceptions import DDGSException, RatelimitException, TimeoutException

from jobs.engines import Candidate, EngineError, EngineUnavailable, FormatChanged, Page, Query, engines, parse_options
from pixtasks.common.errors import InvalidInput

from .conftest import PlainWeb, Site

NAMES = ("bing", "duckduckgo")
EVERY_FILTER = {
    "region": "de-de", "safesearch": "off", "timelimit": "w", "size": "Large", "color": "Red",
    "type_image": "photo", "layout": "Wide", "license_image": "Public",
}  # fmt: skip


def ask(name: str, keyword: str = "red fox", **options: object) -> Query:
    return Query(keyword, name, 100, parse_options(engines[name], options))


def search(name: str, cursor: str | None = None, **options: object) -> Page:
    return engines[name].search(ask(name, **options), cursor, PlainWeb())


def row(number: int, **changes: object) -> dict[str, object]:
    return {
        "title": f"Fox {number}",
        "image": f"https://pictures.test/{number}.jpg",
        "thumbnail": f"https://tse1.mm.bing.test/th?id={number}",
        "url": f"https://pages.test/fox-{number}",
        "height": "683",
        "width": "1024",
        "source": "Bing",
    } | changes


class Recorded:
    """Stands in for ``ddgs.DDGS``: answers each page with recorded rows, or as the library fails."""

    def __init__(self) -> None:
        self.pages: dict[int, list[dict[str, object]] | Exception] = {}
        self.asked: list[dict[str, Any]] = []
        self.timeouts: list[int | None] = []

    def __call__(self, proxy: str | None = None, timeout: int | None = 5, *, verify: bool | str = True) -> Recorded:
        self.timeouts.append(timeout)
        return self

    def images(self, query: str, **parameters: Any) -> list[dict[str, object]]:
        self.asked.append({"query": query, **parameters})
        answer = self.pages.get(parameters["page"], DDGSException("No results found."))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    library = Recorded()
    monkeypatch.setattr(ddgs, "DDGS", library)
    return library


@pytest.mark.parametrize("name", NAMES)
def test_both_wait_for_the_operator(name: str, settings) -> None:
    engine = engines[name]
    assert engine.missing() == ["PIXTASKS_ENGINES_ENABLED"]
    settings.PIXTASKS_ENGINES_ENABLED = [name]
    assert engine.missing() == []
    assert engine.rate_limited


@pytest.mark.parametrize("name", NAMES)
def test_the_library_has_these_backends(name: str) -> None:
    assert BACKENDS["images"][name].name == name


def test_a_row_becomes_a_candidate_without_a_license(recorded: Recorded) -> None:
    recorded.pages[1] = [row(1), row(2, width=4044, height=None, title=None, thumbnail="", source=None)]
    first, second = search("bing").candidates
    assert first == Candidate(
        image_url="https://pictures.test/1.jpg",
        thumb_url="https://tse1.mm.bing.test/th?id=1",
        page_url="https://pages.test/fox-1",
        title="Fox 1",
        width=1024,
        height=683,
        raw={"source": "Bing"},
    )
    assert (second.width, second.height, second.title, second.thumb_url, second.license) == (4044, None, "", "", "")


def test_rows_without_an_address_of_the_web_are_left_out(recorded: Recorded) -> None:
    recorded.pages[1] = [row(1, image="data:image/png;base64,AA"), row(2, image=None), row(3)]
    assert [each.title for each in search("bing").candidates] == ["Fox 3"]


@pytest.mark.parametrize("name", NAMES)
def test_pages_follow_one_another_until_nothing_comes(name: str, recorded: Recorded) -> None:
    recorded.pages = {1: [row(1), row(2)], 2: [row(2), row(3)], 3: []}
    first = search(name)
    second = search(name, first.next)
    assert [each.title for each in second.candidates] == ["Fox 2", "Fox 3"]
    assert search(name, second.next) == Page((), None)
    assert search(name, first.next) == second
    assert [asked["page"] for asked in recorded.asked] == [1, 2, 3, 2]
    assert all(asked["backend"] == name and asked["max_results"] is None for asked in recorded.asked)


def test_a_page_that_repeats_the_one_before_is_the_end(recorded: Recorded) -> None:
    recorded.pages = {1: [row(1), row(2)], 2: [row(2), row(1)]}
    assert search("bing", search("bing").next) == Page((), None)


@pytest.mark.parametrize(("name", "pages"), [("bing", 29), ("duckduckgo", 10)])
def test_the_search_ends_although_every_page_brings_something_new(name: str, pages: int, recorded: Recorded) -> None:
    recorded.pages = {number: [row(number)] for number in range(1, 100)}
    cursor, asked = None, 0
    while asked < 100:
        page, asked = search(name, cursor), asked + 1
        cursor = page.next
        if cursor is None:
            break
    assert asked == pages


@pytest.mark.parametrize("cursor", ["", "2", "1.ab", "0.ab", "x.ab", "2.", "²2.ab", "99999.ab"])
def test_a_foreign_cursor_is_refused(cursor: str, recorded: Recorded) -> None:
    with pytest.raises(EngineError, match="start the search anew"):
        search("bing", cursor)
    assert recorded.asked == []


def test_the_options_are_the_parameters_that_the_backend_obeys(recorded: Recorded) -> None:
    recorded.pages[1] = [row(1)]
    search("duckduckgo", **EVERY_FILTER)
    assert EVERY_FILTER.items() <= recorded.asked[0].items()
    search("bing", timelimit="week")
    assert recorded.asked[1] == {
        "query": "red fox", "backend": "bing", "page": 1, "max_results": None, "timelimit": "week"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options"),
    [("bing", {name: value}) for name, value in EVERY_FILTER.items()]
    + [("duckduckgo", {name: "Blurry"}) for name in EVERY_FILTER]
    + [("duckduckgo", {"region": "de-de&kp=-2"}), ("duckduckgo", {"max_results": 5})],
)
def test_what_a_backend_would_ignore_or_not_understand_is_refused(name: str, options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        parse_options(engines[name], options)


def test_the_library_gets_as_long_as_every_other_fetch(recorded: Recorded, settings) -> None:
    settings.PIXTASKS_FETCH_READ_SECONDS = 7.2
    recorded.pages[1] = [row(1)]
    search("bing")
    assert recorded.timeouts == [8]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RatelimitException("https://duckduckgo.com/i.js 202 Ratelimit"), "asks for fewer searches"),
        (TimeoutException("operation timed out"), "did not answer in time"),
        (DDGSException("ConnectError: ConnectError('Connection refused')"), "could not be searched: ConnectError"),
        (DDGSException("_extract_vqd() query='x' Could not extract vqd."), "Could not extract vqd"),
        (DDGSException("No results found."), "may refuse"),
    ],
)
def test_what_may_pass_is_worth_another_try(error: Exception, message: str, recorded: Recorded) -> None:
    recorded.pages[1] = error
    with pytest.raises(EngineUnavailable, match=message):
        search("duckduckgo")


def test_what_the_library_cannot_do_is_not_tried_again(recorded: Recorded) -> None:
    recorded.pages[1] = DDGSException(KeyError("d"))
    with pytest.raises(EngineError, match="could not be searched: 'd'") as caught:
        search("bing")
    assert not isinstance(caught.value, EngineUnavailable)


def test_rows_that_have_lost_their_image_are_a_format_that_changed(recorded: Recorded) -> None:
    recorded.pages[1] = [row(1, image=None), row(2, image="")]
    with pytest.raises(FormatChanged, match="duckduckgo: image"):
        search("duckduckgo")


# --- the library itself ---------------------------------------------------------------------------------------------

Serve = Callable[..., None]


@pytest.fixture
def serve(site: Site, monkeypatch: pytest.MonkeyPatch, settings) -> Serve:
    """Put an answer where the library asks; its hosts are replaced, and DuckDuckGo's token needs no page."""
    settings.PIXTASKS_FETCH_READ_SECONDS = 2
    for name in NAMES:
        monkeypatch.setattr(BACKENDS["images"][name], "search_url", f"{site.origin}/{name}")
    monkeypatch.setattr(BACKENDS["images"]["duckduckgo"], "_get_vqd", lambda self, query: "4-1")

    def put(path: str, body: str = "", status: int = 200) -> None:
        site.put(path, body, status=status)

    return put


BING = "/bing?q=red+fox&async=1&first={first}&count=35"
DUCK = "/duckduckgo?o=json&q=red+fox&l=wt-wt&vqd=4-1&p=1&ct=AT"
BING_PAGE = """<div class="dgControl"><ul><li><div class="iuscp"><div class="imgpt">
<a class="iusc"
m='{"murl":"https://pictures.test/1.jpg","turl":"https://tse1.test/th?id=1",
"purl":"https://pages.test/1","t":"A red fox"}'></a>
<div class="img_info"><span class="nowrap">1024 × 683 · jpeg</span></div></div>
<div class="infopt"><div class="lnkw"><a>pages.test</a></div></div></div></li></ul></div>"""


def test_the_library_reads_a_page_of_bing(serve: Serve) -> None:
    serve(BING.format(first=1), BING_PAGE)
    page = search("bing")
    assert [(each.image_url, each.page_url, each.title) for each in page.candidates] == [
        ("https://pictures.test/1.jpg", "https://pages.test/1", "A red fox")
    ]
    serve(BING.format(first=36), BING_PAGE)
    assert search("bing", page.next) == Page((), None)


def test_the_library_reads_an_answer_of_duckduckgo(serve: Serve) -> None:
    serve(DUCK, json.dumps({"results": [row(1, width=1024, height=683), row(2)], "next": "i.js?q=red+fox&s=100"}))
    page = search("duckduckgo")
    assert sorted(each.title for each in page.candidates) == ["Fox 1", "Fox 2"]
    assert {(each.width, each.height) for each in page.candidates} == {(1024, 683)}
    serve(f"{DUCK}&s=100", json.dumps({"results": []}))
    assert search("duckduckgo", page.next) == Page((), None)


def test_every_filter_arrives_at_duckduckgo(serve: Serve, site: Site) -> None:
    asked = (
        "/duckduckgo?o=json&q=red+fox&l=de-de&vqd=4-1&p=-1&ct=AT"
        "&f=time%3AWeek%2Csize%3ALarge%2Ccolor%3ARed%2Ctype%3Aphoto%2Clayout%3AWide%2Clicense%3APublic"
    )
    serve(asked, json.dumps({"results": [row(1)]}))
    assert len(search("duckduckgo", **EVERY_FILTER).candidates) == 1


@pytest.mark.parametrize("timelimit", ["day", "week", "month", "year"])
def test_every_time_of_bing_is_one_that_the_library_knows(timelimit: str, serve: Serve) -> None:
    minutes = {"day": 1440, "week": 10080, "month": 44640, "year": 525600}[timelimit]
    serve(BING.format(first=1) + f"&qft=filterui%3Aage-lt{minutes}", BING_PAGE)
    assert len(search("bing", timelimit=timelimit).candidates) == 1


@pytest.mark.parametrize("status", [202, 403, 429, 500])
@pytest.mark.parametrize("name", NAMES)
def test_the_library_says_of_a_refusal_only_that_nothing_came(name: str, status: int, serve: Serve) -> None:
    serve(BING.format(first=1) if name == "bing" else DUCK, "no robots", status)
    with pytest.raises(EngineUnavailable, match="does not tell which"):
        search(name)


def test_a_page_instead_of_json_is_an_error_for_good(serve: Serve) -> None:
    serve(DUCK, "<html>are you a robot?</html>")
    with pytest.raises(EngineError, match="duckduckgo could not be searched") as caught:
        search("duckduckgo")
    assert not isinstance(caught.value, EngineUnavailable)


def test_a_field_that_the_source_renamed_is_named(serve: Serve) -> None:
    serve(DUCK, json.dumps({"results": [{"picture": "https://pictures.test/1.jpg", "title": "Fox"}]}))
    with pytest.raises(FormatChanged, match="duckduckgo: image is missing"):
        search("duckduckgo")


def test_a_host_that_is_away_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BACKENDS["images"]["bing"], "search_url", "http://127.0.0.1:1/bing")
    with pytest.raises(EngineUnavailable, match="ConnectError"):
        search("bing")
