"""The contract that other people run: own engines keep it, and each way of breaking it is noticed."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from jobs.engines import Candidate, EngineError, EngineUnavailable, Page, Query, Web, WebError, engines
from jobs.engines.http import fetch
from pixtasks.testing.engine_contract import Answer, EngineContract
from pixtasks.testing.network import NetworkReached, no_network
from pixtasks.testing.recorded import RecordedWeb, recorded


class TestSite(EngineContract):
    engine = engines["site"]
    options = {"url": "https://gallery.test/foxes", "max_pages": 3}
    answers = (
        Answer(
            "https://gallery.test/foxes",
            '<html><img src="/1.jpg"><img src="2.jpg"><a rel="next" href="/foxes/2">next</a></html>',
            headers={"Content-Type": "text/html"},
        ),
        Answer("https://gallery.test/foxes/2", '<html><img src="3.jpg"></html>', headers={"Content-Type": "text/html"}),
    )


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Good:
    """Keeps the contract; what breaks it is a subclass."""

    name = "good"
    description = "Two pages of one picture each."
    rate_limited = True
    page_size: object = 1
    licensed: object = False
    Options: type[BaseModel] = NoOptions

    def missing(self) -> list[str]:
        return []

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        number = 1 if cursor is None else int(cursor) if cursor == "2" else 0
        if not number:
            raise EngineError("not a cursor of good")
        address = fetch(web, f"https://good.test/{number}").body.decode("ascii", "replace")
        if not address.startswith("https://"):
            raise EngineError("not an address")
        return Page((Candidate(image_url=address),), "2" if number == 1 else None)


ANSWERS = tuple(Answer(f"https://good.test/{number}", f"https://pictures.test/{number}.jpg") for number in (1, 2))


class TestGood(EngineContract):
    engine = Good()
    answers = ANSWERS


class SpacedName(Good):
    name = "not good"


class NoDescription(Good):
    description = " "


class LooseOptions(Good):
    Options: type[BaseModel] = BaseModel


class MissingText(Good):
    def missing(self) -> Any:
        return "GOOD_API_KEY"


class NoPages(Good):
    page_size = 0


class NoWord(Good):
    licensed = None


class Nothing(Good):
    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        return Page((), None)


class Changing(Good):
    """Changes what the good one yields."""

    def change(self, page: Page) -> Page:
        return page

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        return self.change(super().search(query, cursor, web))


class Relative(Changing):
    def change(self, page: Page) -> Page:
        return Page((Candidate(image_url="/1.jpg"),), page.next)


class NotJson(Changing):
    def change(self, page: Page) -> Page:
        return Page((Candidate(image_url="https://pictures.test/1.jpg", raw={"seen": {1, 2}}),), page.next)


class NullTitle(Changing):
    def change(self, page: Page) -> Page:
        return Page((Candidate(image_url="https://pictures.test/1.jpg", title="a\0b"),), page.next)


class Licensed(Changing):
    """Says that it tells no licences, and tells some."""

    def change(self, page: Page) -> Page:
        return Page((Candidate(image_url="https://pictures.test/1.jpg", license="CC0"),), page.next)


class Circle(Good):
    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        return Page(super().search(query, None, web).candidates, "2")


class Endless(Good):
    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        return Page(super().search(query, None, web).candidates, str(int(cursor or 1) + 1))


class Forgetful(Good):
    """Keeps its place in itself instead of in the cursor."""

    def __init__(self) -> None:
        self.place = 0

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        self.place = 1 if cursor is None else self.place + 1
        return Page((Candidate(image_url=f"https://pictures.test/{self.place}.jpg"),), "on" if self.place < 3 else None)


class Crashing(Good):
    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        int(cursor or 1)
        return super().search(query, cursor, web)


class Careless(Good):
    """Does not look at the status."""

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        return Page((Candidate(image_url=web.get("https://good.test/1").body.decode()),), None)


class Hopeful(Good):
    """Takes every failure for one that passes, and never says after how long."""

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        try:
            return super().search(query, cursor, web)
        except EngineError as error:
            raise EngineUnavailable(str(error)) from error


class Hopeless(Good):
    """Takes every failure for final."""

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        try:
            return super().search(query, cursor, web)
        except EngineUnavailable as error:
            raise EngineError(str(error)) from error


class OwnWay(Good):
    """Does not use what it is given, and swallows what comes of it."""

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        try:
            urllib.request.urlopen("http://good.test/1")
        except Exception as error:
            raise EngineError(str(error)) from error
        raise AssertionError("no such host")


BROKEN: list[tuple[type[Good], str, tuple[Any, ...]]] = [
    (SpacedName, "test_it_says_what_it_is", ()),
    (NoDescription, "test_it_says_what_it_is", ()),
    (MissingText, "test_missing_settings_are_a_list_of_names", ()),
    (NoPages, "test_it_says_how_large_its_pages_are_and_whether_it_tells_licences", ("web",)),
    (NoWord, "test_it_says_how_large_its_pages_are_and_whether_it_tells_licences", ("web",)),
    (Licensed, "test_it_says_how_large_its_pages_are_and_whether_it_tells_licences", ("web",)),
    (LooseOptions, "test_options_that_it_does_not_know_are_refused", ()),
    (Nothing, "test_the_first_page_has_candidates", ("web",)),
    (Relative, "test_every_candidate_can_be_fetched_and_stored", ("web",)),
    (NotJson, "test_every_candidate_can_be_fetched_and_stored", ("web",)),
    (NullTitle, "test_every_candidate_can_be_fetched_and_stored", ("web",)),
    (Circle, "test_the_search_ends", ("web",)),
    (Endless, "test_the_search_ends", ("web",)),
    (Forgetful, "test_the_same_question_gives_the_same_page", ("web",)),
    (Crashing, "test_a_cursor_of_somebody_else_is_no_crash", ("web",)),
    (Hopeful, "test_a_refusal_fails_for_good", ("web", 403)),
    (Careless, "test_trouble_of_the_source_is_worth_another_try", ("web", 503)),
    (Hopeless, "test_trouble_of_the_source_is_worth_another_try", ("web", 429)),
    (Hopeful, "test_the_source_says_how_long_to_wait", ("web",)),
    (Hopeless, "test_a_source_that_is_not_reached_is_worth_another_try", ("web", "dns")),
    (Careless, "test_an_answer_of_another_form_is_no_crash", ("web", b"\xff")),
    (OwnWay, "test_the_first_page_has_candidates", ("web",)),
    (OwnWay, "test_a_cursor_of_somebody_else_is_no_crash", ("web",)),
]


@pytest.fixture
def web() -> Iterator[RecordedWeb]:
    with recorded(ANSWERS) as web:
        yield web


def contract(kind: type[Good]) -> EngineContract:
    return type("Contract", (EngineContract,), {"engine": kind(), "answers": ANSWERS, "pages_max": 5})()


@pytest.mark.parametrize(("kind", "test", "arguments"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_promise_is_noticed(kind: type[Good], test: str, arguments: tuple[Any, ...], web: RecordedWeb) -> None:
    given = [web if each == "web" else each for each in arguments]
    getattr(contract(Good), test)(*given)
    web.instead = None
    with pytest.raises((AssertionError, pytest.fail.Exception, ValueError, EngineError)) as caught:
        getattr(contract(kind), test)(*given)
    assert kind is not OwnWay or isinstance(caught.value, NetworkReached)


def test_a_request_that_nothing_was_recorded_for_is_kept(web: RecordedWeb) -> None:
    assert web.get("https://good.test/3?a=b").status == 404
    assert web.unknown == ["https://good.test/3?a=b"]
    assert web.get("https://good.test/1").url == "https://good.test/1"


def test_the_answer_that_says_most_of_a_request_is_sent() -> None:
    answers = [
        Answer("https://a.test/", "plain"),
        Answer("https://a.test/?page=2&q=x", "two"),
        Answer("https://a.test/?page=2"),
    ]
    with recorded(answers) as web:
        assert web.get("https://a.test/?q=x").body == b"plain"
        assert web.get("https://a.test/?q=x&page=2").body == b"two"
        assert web.get("https://a.test/?q=%C3%A9&page=2").body == b""
        assert web.get("http://a.test/").status == 404


def attempts() -> dict[str, Callable[[], object]]:
    return {
        "a connection": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        "a name": lambda: socket.getaddrinfo("name.invalid", 80),
    }


@pytest.mark.parametrize("attempt", attempts().values(), ids=attempts().keys())
def test_who_reaches_for_the_network_is_told_even_where_the_error_is_swallowed(attempt: Callable[[], object]) -> None:
    with pytest.raises(NetworkReached, match="reached for the network"), no_network(), suppress(Exception):
        attempt()
    with no_network(allowed=lambda: True), pytest.raises(OSError, match=r"."):
        attempt()


def test_an_error_of_the_connection_is_handed_to_the_engine(web: RecordedWeb) -> None:
    web.instead = WebError("dns", "no such host")
    with pytest.raises(EngineUnavailable):
        Good().search(Query("fox", "good", 1, NoOptions()), None, web)
