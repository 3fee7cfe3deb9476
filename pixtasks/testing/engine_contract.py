"""The contract of an engine, as tests for whoever writes one in a package of their own.

Make a subclass whose name begins with ``Test``, say which engine it is and how its source answers, and let pytest run
it (docs/engines/writing-an-engine.md)::

    class TestShelf(EngineContract):
        engine = ShelfEngine()
        answers = (
            Answer("https://shelf.example/api/search?page=1", {"pictures": [...], "pages": 2}),
            Answer("https://shelf.example/api/search?page=2", {"pictures": [...], "pages": 2}),
        )

or, where the answers are on a cassette (``pixtasks.testing.record`` makes one)::

    class TestShelf(EngineContract):
        engine = ShelfEngine()
        cassette = Path(__file__).with_name("foxes")
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from pydantic import BaseModel

from jobs.engines import Candidate, Engine, EngineError, EngineUnavailable, Page, Query, WebError, parse_options
from jobs.engines.addresses import clean_url
from jobs.engines.keys import keyless
from pixtasks.common.errors import InvalidInput

from .cassettes import answers_on, asked_for, was_signed
from .network import no_network
from .recorded import Answer, RecordedWeb, recorded
from .renaming import fields_of, renamed

__all__ = ["Answer", "EngineContract", "RecordedWeb"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}")
_SETTING = re.compile(r"[A-Z][A-Z0-9_]*")
_TEXTS = tuple(each.name for each in fields(Candidate) if each.default == "" and each.name != "image_url")


class EngineContract:
    """Every promise of an engine, one test each.

    Attributes:
        engine: an instance.
        answers: how its source answers a search for ``keyword``, until its last page; none for an engine that asks
            nobody.
        cassette: folder with further answers; its first keyword, its options and its limit are those of the search
            where the class says nothing else.
        keyword, options, limit: of the search; the options as a job would hold them.
        pages_max: pages after which the search must have ended.
        may_be_absent: fields of the answers that the source itself leaves out where they mean nothing, such as the
            address of a next page: "paging.next". Entries of a list are written "pictures[].file".
    """

    engine: ClassVar[Engine]
    answers: ClassVar[Sequence[Answer]] = ()
    cassette: ClassVar[Path | None] = None
    keyword: ClassVar[str] = "fox"
    options: ClassVar[Mapping[str, object]] = {}
    limit: ClassVar[int] = 100
    pages_max: ClassVar[int] = 100
    may_be_absent: ClassVar[Sequence[str]] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if cls.cassette is None:
            return
        asked = asked_for(cls.cassette, cls.engine.name)
        cls.answers = (*cls.answers, *answers_on(cls.cassette))
        if "keyword" not in vars(cls) and asked.keywords:
            cls.keyword = asked.keywords[0]
        if "options" not in vars(cls):
            cls.options = asked.options
        if "limit" not in vars(cls):
            cls.limit = asked.limit

    @pytest.fixture(autouse=True)
    def _django(self) -> None:
        """Engines may read settings: without any, those of an empty installation hold."""
        if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
            settings.configure()

    @pytest.fixture
    def web(self) -> Iterator[RecordedWeb]:
        """Give the engine's way to its source; a request that nothing was recorded for fails the test."""
        with self.source_as_recorded() as web:
            yield web
        assert web.unknown == [], f"nothing was recorded for {web.unknown}: add an Answer for each"

    @contextmanager
    def source_as_recorded(self) -> Iterator[RecordedWeb]:
        """Serve the answers; what a registered caller was answered, to one who asks as one."""
        with recorded(self.answers) as web:
            if self.cassette is not None:
                web.signed = was_signed(self.cassette, self.engine.name)
            yield web

    @pytest.fixture
    def source(self, web: RecordedWeb) -> RecordedWeb:
        """Give the same, for what only holds of an engine that asks somebody."""
        self.search(web)
        if not web.asked:
            pytest.skip("this engine asks nobody")
        return web

    def search(self, web: RecordedWeb, cursor: str | None = None) -> Page:
        """Return a page of the search."""
        options = parse_options(self.engine, self.options)
        query = Query(self.keyword, self.engine.name, self.limit, options)
        with no_network(allowed=lambda: web.busy), keyless():
            return self.engine.search(query, cursor, web)

    def pages(self, web: RecordedWeb) -> list[Page]:
        """Return all pages of the search."""
        found, cursor, seen = [], None, set[str]()
        for _ in range(self.pages_max):
            page = self.search(web, cursor)
            found.append(page)
            cursor = page.next
            if cursor is None:
                return found
            assert cursor not in seen, f"the cursor {cursor!r} comes twice: the search goes in a circle"
            seen.add(cursor)
        raise AssertionError(f"the search has not ended after {self.pages_max} pages")

    def _outcome(self, web: RecordedWeb) -> tuple[int, str]:
        """Return how many images the search brings, and what it failed with."""
        try:
            return sum(len(page.candidates) for page in self.pages(web)), ""
        except EngineError as error:
            return 0, str(error)

    # --- what it is -------------------------------------------------------------------------------------------------

    def test_it_says_what_it_is(self) -> None:
        assert _NAME.fullmatch(self.engine.name), "name: letters, digits, _ and -, at most 50"
        assert self.engine.description.strip(), "description: one sentence for users"
        assert "\n" not in self.engine.description, "description: one line"
        assert isinstance(self.engine.rate_limited, bool), "rate_limited: True or False"

    def test_what_it_may_tell_besides_has_the_right_form(self) -> None:
        known: Any = self.engine
        for name in ("homepage", "terms"):
            address = getattr(known, name, "")
            assert address == "" or urlsplit(address).scheme in ("http", "https"), f"{name}: an address of the web"
        assert all(_SETTING.fullmatch(name) for name in getattr(known, "settings", ())), "settings: names in capitals"
        assert isinstance(getattr(known, "default", False), bool), "default: True or False"

    def test_it_says_how_large_its_pages_are_and_whether_it_tells_licences(self, web: RecordedWeb) -> None:
        known: Any = self.engine
        assert hasattr(known, "page_size"), "page_size: results on a page at most, None where the source decides"
        for name in ("page_size", "depth"):
            number = getattr(known, name, None)
            whole = isinstance(number, int) and not isinstance(number, bool)
            assert number is None or (whole and number > 0), f"{name}: a whole number above 0, or None"
        licensed = getattr(known, "licensed", None)
        assert isinstance(licensed, bool), "licensed: True or False, whether it tells licences"
        told = [one.license for page in self.pages(web) for one in page.candidates if one.license]
        assert licensed or not told, f"licensed is False, but it tells {told[:1]}"

    def test_missing_settings_are_a_list_of_names(self) -> None:
        missing = self.engine.missing()
        assert isinstance(missing, list), "missing() returns a list"
        assert all(isinstance(name, str) and _SETTING.fullmatch(name) for name in missing), "of names in capitals"

    def test_options_that_it_does_not_know_are_refused(self) -> None:
        assert issubclass(self.engine.Options, BaseModel), "Options: a pydantic model"
        assert self.engine.Options.model_config.get("extra") == "forbid", 'Options: ConfigDict(extra="forbid")'
        with pytest.raises(InvalidInput):
            parse_options(self.engine, {**self.options, "no option of any engine": 1})

    def test_options_can_be_described_and_stored(self) -> None:
        json.dumps(self.engine.Options.model_json_schema())
        parse_options(self.engine, json.loads(json.dumps(dict(self.options))))

    # --- what it yields ---------------------------------------------------------------------------------------------

    def test_the_first_page_has_candidates(self, web: RecordedWeb) -> None:
        assert self.search(web).candidates, "the recorded answers bring no candidate: record a search that finds some"

    def test_every_candidate_can_be_fetched_and_stored(self, web: RecordedWeb) -> None:
        for page in self.pages(web):
            assert isinstance(page, Page) and isinstance(page.candidates, tuple)
            assert page.wait is None or page.wait >= 0
            for candidate in page.candidates:
                _check(candidate)

    def test_the_search_ends(self, web: RecordedWeb) -> None:
        for page in self.pages(web)[:-1]:
            assert isinstance(page.next, str) and page.next, "a cursor is text"
            assert "\0" not in page.next and page.next.encode(), "a cursor can be stored"

    def test_the_same_question_gives_the_same_page(self, web: RecordedWeb) -> None:
        first = self.search(web)
        assert self.search(web) == first
        if first.next is not None:
            second = self.search(web, first.next)
            assert self.search(web, first.next) == second, "a page depends on nothing but query and cursor"
            assert self.search(web) == first

    def test_a_cursor_of_somebody_else_is_no_crash(self, web: RecordedWeb) -> None:
        for cursor in ("", "no cursor of this engine", "-1", "[]", '{"page": []}'):
            try:
                page = self.search(web, cursor)
            except EngineError:
                continue
            assert page.candidates == (), f"the cursor {cursor!r} is not one of this engine's"
        web.unknown.clear()

    # --- how it fails -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
    def test_a_refusal_fails_for_good(self, source: RecordedWeb, status: int) -> None:
        source.instead = Answer("", {"message": "no"}, status=status)
        with pytest.raises(EngineError) as caught:
            self.search(source)
        assert not isinstance(caught.value, EngineUnavailable), f"{status} is answered alike tomorrow"
        assert str(caught.value).strip(), "an error says what happened"

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_trouble_of_the_source_is_worth_another_try(self, source: RecordedWeb, status: int) -> None:
        source.instead = Answer("", "<h1>Sorry</h1>", status=status, headers={"Content-Type": "text/html"})
        with pytest.raises(EngineUnavailable) as caught:
            self.search(source)
        assert caught.value.retry_after is None or caught.value.retry_after >= 0

    def test_the_source_says_how_long_to_wait(self, source: RecordedWeb) -> None:
        source.instead = Answer("", {"message": "slow down"}, status=429, headers={"Retry-After": "7"})
        with pytest.raises(EngineUnavailable) as caught:
            self.search(source)
        assert caught.value.retry_after == 7, "Retry-After is handed on"

    @pytest.mark.parametrize("outcome", ["timeout", "dns", "refused", "reset"])
    def test_a_source_that_is_not_reached_is_worth_another_try(self, source: RecordedWeb, outcome: str) -> None:
        source.instead = WebError(outcome, "for this test")
        with pytest.raises(EngineUnavailable):
            self.search(source)

    @pytest.mark.parametrize(
        "body",
        [b"", b"\xff\xfe\x00", b"{", b"null", b"[]", b"{}", b'{"something": "else"}', b"[" * 50_000, b"<p>Sorry</p>"],
        ids=["nothing", "bytes", "cut", "null", "list", "object", "other", "nested", "html"],
    )
    def test_an_answer_of_another_form_is_no_crash(self, source: RecordedWeb, body: bytes) -> None:
        source.instead = Answer("", body, headers={"Content-Type": "application/json"})
        try:
            page = self.search(source)
        except EngineError:
            return
        assert page.candidates == ()

    def test_a_renamed_field_is_named_and_no_image_lost_without_a_word(self, source: RecordedWeb) -> None:
        whole = sum(len(page.candidates) for page in self.pages(source))
        known = dict.fromkeys(field for answer in self.answers for field in fields_of(answer))
        for field in (each for each in known if each not in self.may_be_absent):
            source.alter = partial(renamed, field=field)
            found, said = self._outcome(source)
            if said:
                name = field.rpartition(".")[2].removesuffix("[]")
                assert name in said, f"{field} renamed: the error does not name it: {said}"
                continue
            assert found >= whole, (
                f"{field} renamed: {whole - found} of {whole} images are lost without a word. Read it so that its "
                "absence is an error, or list it in may_be_absent where the source leaves it out by itself"
            )
        source.alter = None
        source.unknown.clear()


def _check(candidate: Candidate) -> None:
    """Hold a candidate against the promises of its class."""
    if candidate.path is None:
        assert clean_url(candidate.image_url) == candidate.image_url, "image_url: absolute, http(s), percent-encoded"
    else:
        assert candidate.path.is_absolute() and not candidate.image_url, "path: absolute, and no image_url beside it"
    for name in _TEXTS:
        value = getattr(candidate, name)
        assert isinstance(value, str), f"{name}: text, empty where nothing is known"
        assert "\0" not in value, f"{name}: PostgreSQL stores no NUL"
    for name in ("thumb_url", "page_url", "creator_url", "license_url"):
        value = getattr(candidate, name)
        assert not value or urlsplit(value).scheme in ("http", "https"), f"{name}: an address of the web, or empty"
    for name in ("width", "height"):
        value = getattr(candidate, name)
        assert value is None or (isinstance(value, int) and value >= 0), f"{name}: pixels, None where not known"
    assert isinstance(candidate.tags, tuple) and all(isinstance(tag, str) for tag in candidate.tags), "tags: texts"
    try:
        json.dumps(dict(candidate.raw))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"raw: JSON values only: {error}") from None
