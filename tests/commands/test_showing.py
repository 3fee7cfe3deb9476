"""Bars, lines, names and pictures: what commands put on a terminal."""

from __future__ import annotations

import re
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from django.core.management.base import OutputWrapper
from rich.console import Console

from jobs.fetch.outcomes import Outcome
from jobs.services.meanings import issue_meaning, outcome_meaning
from jobs.terminal.figures import ChunkFigures
from jobs.terminal.live import Bars, Lines, make_display
from jobs.terminal.picture import save_picture
from jobs.validators import Issue
from pixtasks.common.screen import counted, make_console, plain, shown_path, size
from tasktypes.states import State


def chunk(number: int, status: State = State.RUNNING, **fields: object) -> ChunkFigures:
    values: dict[str, object] = {
        "id": number,
        "keyword": f"keyword {number}",
        "query": f"keyword {number}",
        "engine": "sample",
        "backend": "sample",
        "status": status,
        "target": 10,
        "stored": 0,
        "duplicates": 0,
        "failed": {},
        "started_at": None,
        "ended_at": None,
        "error": "",
        **fields,
    }
    return ChunkFigures(**values)  # type: ignore[arg-type]


@pytest.fixture
def terminal() -> Console:
    return Console(
        file=StringIO(), force_terminal=True, width=100, height=20, markup=False, highlight=False, legacy_windows=False
    )


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


def test_a_terminal_gets_a_bar_for_each_chunk_with_what_it_has_done(terminal: Console) -> None:
    display = make_display(terminal)
    assert isinstance(display, Bars)
    with display:
        display.wait("Starting …")
        display.crawl([chunk(1, stored=4, duplicates=2, failed={"http_404": 1}), chunk(2, State.PENDING, error="dns")])
        display.crawl([chunk(1, State.COMPLETED, stored=7), chunk(2, State.FAILED)])
        display.validation("slow", 3, 7)
    text = written(terminal)
    assert "▸ keyword 1 × sample" in text
    assert "4/10" in text
    assert "2 duplicates, 1 failed" in text
    assert "tried again soon" in text
    assert "✓ keyword 1 × sample" in text
    assert "7/7" in text, "a source that had no more is at its end"
    assert "✗ keyword 2 × sample" in text
    assert "validating (slow)" in text


def test_more_chunks_than_lines_are_shown_by_those_at_work_and_one_bar_for_all(terminal: Console) -> None:
    chunks = [chunk(number, State.COMPLETED, stored=10) for number in range(40)]
    chunks += [chunk(40 + number, State.RUNNING) for number in range(2)]
    chunks += [chunk(50 + number, State.PENDING) for number in range(40)]
    with Bars(terminal) as display:
        display.crawl(chunks)
    text = written(terminal)
    assert "keyword 40 " in text
    assert "keyword 41 " in text
    assert "keyword 0 " not in text
    assert "keyword 89 " not in text
    assert re.search(r"chunks .*40/82", text)


def test_a_file_gets_one_line_when_a_chunk_ends_and_no_colour() -> None:
    output = StringIO()
    display = make_display(make_console(OutputWrapper(output)))
    assert isinstance(display, Lines)
    with display:
        display.crawl([chunk(1), chunk(2)])
        display.crawl([chunk(1, State.COMPLETED, stored=10), chunk(2)])
        display.crawl([chunk(1, State.COMPLETED, stored=10), chunk(2, State.CANCELLED, stored=3, backend="other")])
        display.crawl([chunk(1, State.COMPLETED, stored=10), chunk(2, State.CANCELLED, stored=3, backend="other")])
    assert output.getvalue().splitlines() == [
        "[1/2] keyword 1 × sample: 10 stored, 0 duplicates",
        "[2/2] keyword 2 × sample → other: 3 stored, 0 duplicates; cancelled",
    ]


def test_a_stream_that_lacks_characters_gets_question_marks_and_a_closed_one_stops_nothing() -> None:
    raw = BytesIO()
    stream = TextIOWrapper(raw, encoding="ascii")
    make_console(OutputWrapper(stream)).print("12 × 3 → ✓")
    stream.flush()
    assert raw.getvalue() == b"12 ? 3 ? ?\n"

    class Gone(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    make_console(OutputWrapper(Gone())).print("nobody reads this")


def test_texts_of_others_lose_what_a_terminal_would_obey() -> None:
    assert plain("red\x1b[31m fox\r\n\u202ereversed\x9b") == "red[31m fox  reversed"
    output = StringIO()
    console = make_console(OutputWrapper(output))
    with Lines(console) as display:
        display.crawl([chunk(1, State.FAILED, query="[bold]fox[/]", error="no\x1b]0;title\x07")])
    assert "[1/1] [bold]fox[/] × sample: 0 stored, 0 duplicates; failed: no]0;title" in output.getvalue()


def test_numbers_and_paths_are_shown_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [size(n) for n in (834, 12_345, 17_200_000, 3_000_000_000)] == ["834 bytes", "12.3 kB", "17.2 MB", "3.0 GB"]
    assert [counted(n, "image") for n in (0, 1, 1234)] == ["0 images", "1 image", "1,234 images"]
    monkeypatch.chdir(tmp_path)
    assert shown_path(tmp_path / "data" / "images") == "./data/images"
    assert shown_path("/elsewhere") == "/elsewhere"


@pytest.mark.parametrize("name", [*(outcome.value for outcome in Outcome), "http_403", "http_503"])
def test_every_class_of_failure_has_a_meaning(name: str) -> None:
    assert outcome_meaning(name).endswith(".")


def test_an_unknown_class_has_none() -> None:
    assert outcome_meaning("http_799") == outcome_meaning("whatever") == issue_meaning("whatever") == ""


@pytest.mark.parametrize("kind", [issue.value for issue in Issue])
def test_every_issue_has_a_meaning(kind: str) -> None:
    assert issue_meaning(kind).endswith(".")


def test_a_picture_needs_nothing_from_elsewhere_and_names_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "shown.svg"
    save_picture(file, 'manage.py crawl --keywords "<fox>"', "360 images")
    text = file.read_text()
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "360&#160;images" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "@import" not in text
    assert "@font-face" not in text
    assert str(tmp_path) not in text
