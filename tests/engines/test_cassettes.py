"""The adapters' cassettes: played back they lead to what is expected, without network and keys, and they are fresh."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.engines import EngineError, EngineUnavailable, Page, Query, engines, parse_options
from jobs.fetch.cassettes import CassetteReader, ReplayingEngine
from pixtasks.testing.cassettes import content_of, record_again
from pixtasks.testing.network import no_network

from .adapters import COMMON, KEYS, NO_JSON, NOTHING, PAGES, REFUSED, WAIT, WAIT_SECONDS, Adapter, adapters
from .record import main

every = pytest.mark.parametrize("adapter", adapters(), ids=lambda adapter: adapter.name)


@pytest.fixture(autouse=True)
def _nothing_is_set(settings) -> None:
    """Leave out every key, so that a replay which needs one is noticed."""
    settings.PIXTASKS_ENGINE_URLS = {}
    for adapter in adapters():
        for name in adapter.settings:
            setattr(settings, name, "")


def replayed(adapter: Adapter, case: str) -> Iterator[Page]:
    """Yield the pages of a case, by the product's own replay."""
    engine: Any = engines[adapter.name]
    asked = adapter.asked
    replaying = ReplayingEngine(engine, CassetteReader(adapter.cassette), asked.limit)
    query = Query(case, adapter.name, 1, parse_options(engine, asked.options))
    cursor = None
    with no_network():
        while True:
            page = replaying.search(query, cursor, None)  # type: ignore[arg-type]  # nobody is asked
            yield page
            cursor = page.next
            if cursor is None:
                return


@every
def test_a_cassette_has_every_case(adapter: Adapter) -> None:
    assert set(COMMON) <= set(adapter.asked.keywords)


@every
def test_a_cassette_brings_the_expected_candidates(adapter: Adapter) -> None:
    pages = list(replayed(adapter, PAGES))
    assert tuple(tuple(each.external_id for each in page.candidates) for page in pages) == adapter.found
    assert pages[0].candidates[0] == adapter.first
    (nothing,) = replayed(adapter, NOTHING)
    assert nothing.candidates == ()


@every
@pytest.mark.parametrize("case", [case for case in COMMON if case not in {PAGES, NOTHING}])
def test_a_failure_on_a_cassette_fails_alike(adapter: Adapter, case: str) -> None:
    words = {
        REFUSED: re.escape(adapter.refusal),
        **dict.fromkeys((WAIT, WAIT_SECONDS), "is not available"),
        **dict.fromkeys(KEYS, "refused the request"),
        **dict.fromkeys(NO_JSON, "did not answer with JSON"),
    }
    with pytest.raises(EngineError, match=words[case]) as caught:
        list(replayed(adapter, case))
    assert isinstance(caught.value, EngineUnavailable) is (case in {WAIT, WAIT_SECONDS})
    assert getattr(caught.value, "retry_after", None) == (7.0 if case == WAIT_SECONDS else None)


@every
def test_a_cassette_is_as_it_would_be_recorded_now(adapter: Adapter, tmp_path: Path) -> None:
    record_again(adapter.cassette, engines[adapter.name], tmp_path / "fresh")
    fresh, kept = content_of(tmp_path / "fresh"), content_of(adapter.cassette)
    assert fresh == kept, f"run python -m tests.engines.record {adapter.name} and read the difference"


@every
def test_no_cassette_holds_a_key(adapter: Adapter) -> None:
    content = b"".join(content_of(adapter.cassette).values())
    assert not any(secret.encode() in content for secret in adapter.secrets)


def test_every_cassette_belongs_to_an_adapter_and_is_small() -> None:
    folders = {path.name: path for path in adapters()[0].cassette.parent.iterdir()}
    assert sorted(folders) == [adapter.name for adapter in adapters()]
    sizes = {name: sum(map(len, content_of(folder).values())) for name, folder in folders.items()}
    assert {name: size for name, size in sizes.items() if size > 60_000} == {}


def test_an_adapter_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["altavista"]) == 1
    assert "No adapter altavista; there are aic, brave" in capsys.readouterr().err
