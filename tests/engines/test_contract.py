"""The contract of every adapter, against a server that answers as its source did, through the real web client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from jobs.engines import (
    Candidate,
    EngineError,
    EngineUnavailable,
    FormatChanged,
    Page,
    Query,
    engines,
    parse_options,
    resolve,
)
from jobs.fetch.images import FetchLimits
from jobs.fetch.web import WebClient
from pixtasks.common.errors import InvalidInput
from pixtasks.common.net.guard import AddressPolicy

from .adapters import KEYS, NO_JSON, NOTHING, PAGES, REFUSED, WAIT, WAIT_SECONDS, Adapter, adapters
from .sources import Asked, Reply, Source

PAGES_MAX = 10

every = pytest.mark.parametrize("adapter", adapters(), ids=lambda adapter: adapter.name)


@pytest.fixture(scope="module")
def server() -> Iterator[Source]:
    source = Source()
    yield source
    source.stop()


class Asking:
    """An engine that asks the recorded source."""

    def __init__(self, adapter: Adapter, source: Source, web: WebClient) -> None:
        self.adapter = adapter
        self.source = source
        self.web = web

    def page(self, cursor: str | None = None, options: Any = None) -> Page:
        engine = resolve(self.adapter.name)
        given = self.adapter.asked.options if options is None else options
        query = Query(PAGES, self.adapter.name, self.adapter.asked.limit, parse_options(engine, given))
        return engine.search(query, cursor, self.web)

    def all(self) -> list[tuple[Candidate, ...]]:
        pages, cursor = [], None
        while len(pages) < PAGES_MAX:
            page = self.page(cursor)
            pages.append(page.candidates)
            cursor = page.next
            if cursor is None:
                return pages
        raise AssertionError(f"{self.adapter.name} has no last page")

    def play(self, *replies: Reply) -> None:
        self.source.play(replies)

    def case(self, name: str) -> None:
        """Answer as the source did in this case."""
        self.source.play(self.adapter.replies(name))

    def search(self, parameters: Mapping[str, str]) -> Asked:
        """Return the request that had these parameters; sources may be asked for something else before."""
        found = [each for each in self.source.asked if parameters.items() <= each.query.items()]
        assert found, f"none of {self.source.asked} had {parameters}"
        return found[0]

    def fail(self, reply: Reply) -> None:
        """Answer searches with this, and everything else as recorded."""
        self.play(reply, *self.adapter.replies())


@pytest.fixture
def asking(adapter: Adapter, server: Source, settings) -> Iterator[Asking]:
    settings.PIXTASKS_ENGINE_ALIASES = {}
    settings.PIXTASKS_ENGINE_URLS = {adapter.name: server.origin}
    settings.PIXTASKS_ENGINES_ENABLED = [adapter.name]
    for name, value in adapter.settings.items():
        setattr(settings, name, value)
    web = WebClient(AddressPolicy([f"127.0.0.1:{server.port}"]), FetchLimits(connect_seconds=5, total_seconds=20))
    server.play(adapter.replies())
    with web:
        yield Asking(adapter, server, web)


@every
def test_it_tells_what_people_need_to_choose_it(adapter: Adapter, settings) -> None:
    engine: Any = engines[adapter.name]
    assert engine.description and engine.homepage.startswith("https://") and engine.terms.startswith("https://")
    assert engine.rate_limited is True
    assert engine.Options.model_config.get("extra") == "forbid"
    assert set(engine.settings) <= set(adapter.settings)
    settings.PIXTASKS_ENGINES_ENABLED = []
    for name in adapter.settings:
        setattr(settings, name, "")
    off = ["PIXTASKS_ENGINES_ENABLED"] if engine.opt_in else []
    assert engine.missing() == [*engine.settings, *off]
    assert not (engine.default and engine.missing())


@every
def test_the_first_page_is_read_whole(adapter: Adapter, asking: Asking) -> None:
    page = asking.page()
    assert page.candidates[0] == adapter.first
    assert tuple(each.external_id for each in page.candidates) == adapter.found[0]
    asked = asking.search(adapter.asks)
    assert asked.path == adapter.search
    assert asked.headers["user-agent"].startswith("pixtasks/")


@every
def test_the_search_ends_with_the_last_page(adapter: Adapter, asking: Asking) -> None:
    pages = asking.all()
    assert tuple(tuple(each.external_id for each in page) for page in pages) == adapter.found
    for each in (candidate for page in pages for candidate in page):
        assert each.image_url.startswith("https://") and each.external_id
        assert len(json.dumps(dict(each.raw))) < 2_000


@every
def test_the_same_cursor_gives_the_same_page(adapter: Adapter, asking: Asking) -> None:
    first = asking.page()
    assert asking.page() == first
    if first.next is not None:
        assert asking.page(first.next) == asking.page(first.next)


@every
def test_an_image_on_two_pages_is_the_same_candidate(adapter: Adapter, asking: Asking) -> None:
    same = [each for page in asking.all() for each in page if each.external_id == adapter.duplicate]
    assert len(same) == (2 if len(adapter.found) > 1 else 1)
    assert same[0].image_url == same[-1].image_url


@every
def test_nothing_found_is_an_empty_last_page(adapter: Adapter, asking: Asking) -> None:
    asking.case(NOTHING)
    page = asking.page()
    assert (page.candidates, page.next) == ((), None)


@every
def test_an_image_without_a_licence_says_so(adapter: Adapter, asking: Asking) -> None:
    found = [each for page in asking.all() for each in page]
    unlicensed = {each.external_id for each in found if not each.license}
    assert (adapter.unlicensed in unlicensed) if adapter.unlicensed else not unlicensed
    assert all(each.license == each.license.upper() or " " in each.license for each in found)


@every
def test_an_author_in_html_is_read_as_text_and_link(adapter: Adapter, asking: Asking) -> None:
    found = {each.external_id: each for page in asking.all() for each in page}
    if adapter.html_creator is not None:
        external_id, creator, creator_url = adapter.html_creator
        assert (found[external_id].creator, found[external_id].creator_url) == (creator, creator_url)
    assert not any("<" in each.creator + each.title + each.attribution for each in found.values())


@every
@pytest.mark.parametrize(("case", "seconds"), [(WAIT, None), (WAIT_SECONDS, 7.0)])
def test_too_many_requests_is_worth_another_try(adapter, asking: Asking, case: str, seconds: float | None) -> None:
    asking.case(case)
    with pytest.raises(EngineUnavailable) as caught:
        asking.page()
    assert caught.value.retry_after == seconds


@every
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_source_in_trouble_is_worth_another_try(adapter: Adapter, asking: Asking, status: int) -> None:
    asking.fail(Reply(adapter.search, b"<h1>Bad Gateway</h1>", status=status, content_type="text/html"))
    with pytest.raises(EngineUnavailable, match=f"{adapter.name} is not available .*{status}"):
        asking.page()


@every
@pytest.mark.parametrize("case", KEYS)
def test_a_refused_key_is_final_and_names_the_setting(adapter: Adapter, asking: Asking, case: str) -> None:
    asking.case(case)
    with pytest.raises(EngineError, match=f"{adapter.name} refused the request") as caught:
        asking.page()
    assert not isinstance(caught.value, EngineUnavailable)
    engine: Any = engines[adapter.name]
    assert all(name in caught.value.message for name in engine.settings)
    assert not any(secret in caught.value.message for secret in adapter.secrets)


@every
def test_a_refused_search_is_told_in_the_words_of_the_source(adapter: Adapter, asking: Asking) -> None:
    asking.case(REFUSED)
    with pytest.raises(EngineError, match=re.escape(adapter.refusal)) as caught:
        asking.page()
    assert not isinstance(caught.value, EngineUnavailable)
    assert adapter.name in caught.value.message
    assert not any(secret in caught.value.message for secret in adapter.secrets)


@every
@pytest.mark.parametrize("case", [*NO_JSON, "no bytes"])
def test_what_is_not_json_is_said_to_be_none(adapter: Adapter, asking: Asking, case: str) -> None:
    if case in NO_JSON:
        asking.case(case)
    else:
        asking.fail(Reply(adapter.search, content_type=""))
    with pytest.raises(EngineError, match=f"{adapter.name} did not answer with JSON") as caught:
        asking.page()
    assert not isinstance(caught.value, EngineUnavailable)


@every
@pytest.mark.parametrize("body", [b"{}", b"[]", b'"ok"', b'{"something": "else"}'])
def test_json_of_another_kind_is_no_empty_result(adapter: Adapter, asking: Asking, body: bytes) -> None:
    asking.fail(Reply(adapter.search, body))
    with pytest.raises(FormatChanged, match=f"{adapter.name}: "):
        asking.page()


@pytest.mark.parametrize(
    ("adapter", "part", "field"),
    [(adapter, part, field) for adapter in adapters() for part, field in adapter.needed],
    ids=lambda value: value.name if isinstance(value, Adapter) else value,
)
def test_a_renamed_field_is_named(adapter: Adapter, asking: Asking, part: str, field: str) -> None:
    body = adapter.body(part)
    changed = json.dumps(_renamed(json.loads(body), field)).encode()
    asking.play(*(replace(each, body=changed) if each.body == body else each for each in adapter.replies()))
    with pytest.raises(FormatChanged, match=re.escape(f"{adapter.name}: {field}")):
        asking.all()


@every
def test_a_used_up_quota_is_told_with_the_page(adapter: Adapter, asking: Asking) -> None:
    quota = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "40"}
    asking.play(*(replace(each, headers={**each.headers, **quota}) for each in adapter.replies()))
    page = asking.page()
    assert page.candidates
    assert page.wait == 40.0
    asking.case(PAGES)
    assert asking.page().wait is None


@every
def test_a_cursor_of_somebody_else_is_refused(adapter: Adapter, asking: Asking) -> None:
    for cursor in ("", "-1", "x", '{"action":"delete"}', "[]", "9" * 400):
        with pytest.raises(EngineError, match="cursor"):
            asking.page(cursor)
    assert asking.source.asked == []


@every
def test_faulty_options_are_refused_when_the_job_is_created(adapter: Adapter) -> None:
    for options in adapter.bad_options:
        with pytest.raises(InvalidInput):
            parse_options(engines[adapter.name], options)


@every
def test_options_become_filters_of_the_source(adapter: Adapter, asking: Asking) -> None:
    for options, asks in adapter.good_options:
        asking.source.asked.clear()
        asking.page(options=options)
        asking.search(asks)


def _renamed(value: Any, path: str) -> Any:
    """Return the value with one field renamed."""
    *parents, last = re.findall(r"[^.\[\]]+", path)
    place = value
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    place[f"{last}_renamed"] = place.pop(last)
    return value


def test_every_engine_says_how_large_its_pages_are_and_whether_it_tells_licences() -> None:
    known: list[Any] = list(engines)
    sizes = {engine.name: engine.page_size for engine in known}
    assert {name for name, size in sizes.items() if size is None} == {"site"}
    assert {engine.name for engine in known if not engine.licensed} == {
        "bing", "brave", "directory", "duckduckgo", "google", "nasa", "site",
    }  # fmt: skip


@every
def test_the_source_is_asked_for_pages_as_large_as_the_engine_says(adapter: Adapter, asking: Asking) -> None:
    engine: Any = engines[adapter.name]
    query = Query(PAGES, adapter.name, 10_000, parse_options(engine, adapter.asked.options))
    engine.search(query, None, asking.web)
    if adapter.name == "met":  # Its search gives all numbers at once; the works are asked for one by one.
        assert len([each for each in asking.source.asked if "/objects/" in each.path]) <= engine.page_size
    else:
        assert any(str(engine.page_size) in each.query.values() for each in asking.source.asked)


@every
def test_an_engine_that_says_so_tells_no_licences(adapter: Adapter, asking: Asking) -> None:
    engine: Any = engines[adapter.name]
    assert engine.licensed == any(each.license for page in asking.all() for each in page)
