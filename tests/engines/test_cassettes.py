"""The adapters' cassettes: played back they lead to what is expected, without network and keys, and they are fresh."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.engines import EngineError, EngineUnavailable, Page, Query, engines, parse_options
from jobs.fetch.cassettes import CassetteError, CassetteReader, ReplayingEngine
from pixtasks.testing import record
from pixtasks.testing.cassettes import Recorder, answers_on, content_of, record_again, renew
from pixtasks.testing.engine_contract import EngineContract
from pixtasks.testing.network import no_network
from pixtasks.testing.recorded import recorded

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


OPENVERSE = next(adapter for adapter in adapters() if adapter.name == "openverse")


class Renamed:
    """A ``Web`` that asks as an adapter would which came to call a parameter otherwise."""

    def __init__(self, web: Any) -> None:
        self.web = web

    def get(self, url: str, **arguments: Any) -> Any:
        return self.web.get(url.replace("?q=", "?query=").replace("mature=false", "mature=no"), **arguments)


def test_an_adapter_that_asks_otherwise_is_recorded_from_the_answers_it_had(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "tape", engines["openverse"], OPENVERSE.asked)
    with recorded(answers_on(OPENVERSE.cassette), loosely=True) as web:
        searches = {case: recorder.search(case, Renamed(web)) for case in (PAGES, NOTHING, WAIT)}
    assert {case: search.pages for case, search in searches.items()} == {PAGES: 2, NOTHING: 1, WAIT: 0}
    assert isinstance(searches[WAIT].error, EngineUnavailable)
    asked = [line["url"] for line in CassetteReader(tmp_path / "tape").exchanges()]
    assert len(asked) == 4
    assert [answer.status for answer in answers_on(tmp_path / "tape")] == [200, 200, 200, 429]


def test_a_body_that_was_changed_by_hand_is_recorded_under_its_new_name(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    shutil.copytree(OPENVERSE.cassette, tape)
    name = next(CassetteReader(tape).exchanges())["body"]
    edited = tape / "bodies" / name[:2] / name
    edited.write_bytes(edited.read_bytes().replace(b"Peter K. Burian", b"Somebody else"))
    with pytest.raises(CassetteError, match="has been changed"):
        answers_on(tape)
    assert renew(tape, engines["openverse"]) is True
    assert not edited.exists()
    assert b"Somebody else" in answers_on(tape)[0].body
    assert renew(tape, engines["openverse"]) is False


def test_a_path_that_was_never_asked_cannot_be_recorded_again(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    shutil.copytree(OPENVERSE.cassette, tape)
    index = tape / "index.jsonl"
    index.write_text(index.read_text().replace("/v1/images/", "/v0/images/"))
    with pytest.raises(CassetteError, match=r"has no answer to https://api[.]openverse[.]org/v1/images"):
        renew(tape, engines["openverse"])
    assert "/v0/images/" in index.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["altavista", "tape", "--keyword", "fox"], "there is no engine 'altavista'"),
        (["os:nothing", "tape", "--keyword", "fox"], "there is no os:nothing"),
        (["openverse", "tape"], "say what to search for"),
        (["openverse", "tape", "--keyword", "fox", "--options", "[7]"], "--options must be a JSON object"),
        (["openverse", "tape", "--keyword", "fox", "--options", "{"], "--options must be a JSON object"),
        (["flickr", "tape", "--keyword", "fox"], "flickr cannot be asked: set PIXTASKS_FLICKR_API_KEY before"),
        (["openverse", "tape", "--again"], "tape is no cassette"),
    ],
)
def test_a_recording_that_cannot_be_made_says_why(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert record.main(arguments) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "tape").exists()


def test_a_recording_without_any_page_has_failed(tmp_path: Path, settings: Any, capsys: Any) -> None:
    settings.PIXTASKS_FETCH_ALLOW = []
    given = ["openverse", str(tmp_path / "tape"), "--keyword", "fox", "--through", "http://127.0.0.1:9"]
    assert record.main(given) == 1
    assert "fox: 0 pages, then: https://api.openverse.org/v1/images/ could not be read" in capsys.readouterr().out


def test_a_cassette_of_a_registered_caller_is_played_and_recorded_again_as_it_was(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    shutil.copytree(OPENVERSE.cassette, tape)
    index = tape / "index.jsonl"
    lines = [json.loads(line) for line in index.read_text().replace("page_size=20", "page_size=500").splitlines()]
    index.write_text(
        "".join(json.dumps({**line, "signed": True}, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)
    )
    assert renew(tape, engines["openverse"]) is False
    contract = type("Registered", (EngineContract,), {"engine": engines["openverse"], "cassette": tape})()
    with contract.source_as_recorded() as web:
        assert tuple(len(page.candidates) for page in contract.pages(web)) == tuple(map(len, OPENVERSE.found))
    assert web.unknown == []
