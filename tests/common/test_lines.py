"""Lines of several processes in one stream."""

from __future__ import annotations

import io
import random

from pixtasks.common.lines import LinePrinter, LineSplitter


def test_lines_come_whole_however_the_bytes_arrive() -> None:
    text = "grün\nгород\n東京\n🦊 fox\n".encode()
    for step in range(1, 12):
        splitter = LineSplitter()
        lines = [line for start in range(0, len(text), step) for line in splitter.feed(text[start : start + step])]
        assert b"\n".join(lines) + b"\n" == text
        assert splitter.finish() == []


def test_the_last_line_needs_no_line_end() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\r\ntwo") == [b"one"]
    assert splitter.finish() == [b"two"]


def test_a_very_long_line_comes_in_parts_that_are_valid_utf8_each() -> None:
    seeded = random.Random(7)
    for _ in range(20):
        text = "".join(seeded.choice("aé東🦊") for _ in range(60_000))
        splitter = LineSplitter()
        parts = [*splitter.feed(text.encode()), *splitter.finish()]
        assert len(parts) > 1
        assert "".join(part.decode() for part in parts) == text


def test_bytes_that_are_no_text_pass_unchanged() -> None:
    output = io.BytesIO()
    LinePrinter(output, names=["a"]).write("a", b"\xff\xfe\x00")
    assert output.getvalue() == b"a | \xff\xfe\x00\n"


def test_names_stand_in_a_column_and_have_colours_on_request() -> None:
    plain, coloured = io.BytesIO(), io.BytesIO()
    LinePrinter(plain, names=["web", "worker"]).write("web", b"x")
    printer = LinePrinter(coloured, names=["web", "worker"], colour=True)
    printer.write("web", b"x")
    printer.write("worker", b"y")
    assert plain.getvalue() == b"web    | x\n"
    first, second = coloured.getvalue().splitlines()
    assert first.startswith(b"\x1b[") and first.endswith(b"\x1b[0m x")
    assert first[:5] != second[:5]


def test_a_reader_that_has_gone_stops_nobody() -> None:
    output = io.BytesIO()
    printer = LinePrinter(output, names=["a"])
    output.close()
    printer.write("a", b"lost")
    assert output.closed
