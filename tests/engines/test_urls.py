"""The engine of address lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.engines import Candidate, EngineError, Query, engines, parse_options
from jobs.engines.urls import LIST_MAX, PAGE_SIZE
from pixtasks.common.errors import InvalidInput

from .conftest import PlainWeb

ENGINE = engines["urls"]


@pytest.fixture
def folder(tmp_path: Path, settings) -> Path:
    folder = tmp_path / "open"
    folder.mkdir()
    settings.PIXTASKS_DIRECTORY_ROOTS = [str(folder)]
    settings.DATA_DIR = tmp_path / "data"
    return folder


def ask(**options: object) -> Query:
    return Query("cat", "urls", 100, parse_options(ENGINE, options))


def faults(**options: object) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(InvalidInput) as caught:
        parse_options(ENGINE, options, loc=("body", "options", "urls"))
    return [(error.loc, error.msg) for error in caught.value.errors]


def walk(query: Query) -> list[Candidate]:
    found: list[Candidate] = []
    cursor: str | None = None
    for _ in range(LIST_MAX):
        page = ENGINE.search(query, cursor, PlainWeb())
        assert len(page.candidates) <= PAGE_SIZE
        found += page.candidates
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError("the search does not end")


@pytest.mark.parametrize("count", [1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, PAGE_SIZE * 3])
def test_every_address_is_yielded_once_and_in_order(count: int, folder: Path) -> None:
    urls = [f"http://h.test/{number}.jpg" for number in range(count)]
    (folder / "list.txt").write_text("\n".join(urls))
    assert [each.image_url for each in walk(ask(urls=urls))] == urls
    assert [each.image_url for each in walk(ask(file="list.txt"))] == urls


def test_objects_bring_what_is_known_of_the_image() -> None:
    known = {
        "url": "https://h.test/a.jpg", "title": "A", "page_url": "https://h.test/a", "creator": "C", "license": "BY",
        "license_version": "4.0", "license_url": "https://l.test/", "attribution": "A by C", "external_id": "7",
        "tags": ["x", "y"],
    }  # fmt: skip
    plain, rich = walk(ask(urls=["http://h.test/b.jpg", known]))
    assert plain == Candidate(image_url="http://h.test/b.jpg")
    assert (rich.image_url, rich.title, rich.license, rich.tags) == ("https://h.test/a.jpg", "A", "BY", ("x", "y"))


def test_the_same_cursor_gives_the_same_page() -> None:
    query = ask(urls=[f"http://h.test/{number}.jpg" for number in range(1200)])
    assert ENGINE.search(query, "500", PlainWeb()) == ENGINE.search(query, "500", PlainWeb())


def test_blank_lines_comments_and_objects_of_a_file_are_read(folder: Path) -> None:
    lines = ["\ufeff# ours", "", "http://h.test/a.jpg", "   ", json.dumps({"url": "http://h.test/b.jpg", "title": "B"})]
    (folder / "list.txt").write_text("\r\n".join(lines), encoding="utf-8")
    assert [(each.image_url, each.title) for each in walk(ask(file=str(folder / "list.txt")))] == [
        ("http://h.test/a.jpg", ""),
        ("http://h.test/b.jpg", "B"),
    ]


def test_each_fault_of_a_list_is_named_once_with_its_place() -> None:
    found = faults(urls=["http://ok.test/", "ftp://h.test/", {"url": "nothing"}, {"title": "x"}, 7])
    assert [loc[:5] for loc, _ in found] == [("body", "options", "urls", "urls", place) for place in (1, 2, 3, 4)]
    assert "must begin with http:// or https://" in found[0][1]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, 'give either "urls"'),
        ({"urls": ["http://h.test/"], "file": "a"}, 'give either "urls"'),
        ({"urls": []}, "at least 1"),
        ({"urls": ["http://h.test/"], "more": 1}, "not permitted"),
        ({"urls": ["http://h.test/a.jpg"] * (LIST_MAX + 1)}, "at most 100000"),
        ({"urls": ["http://" + "h" * 5000]}, "at most 4000"),
        ({"urls": ["http://user:word@h.test/"]}, "user name or password"),
    ],
    ids=["neither", "both", "empty", "extra-key", "too-many", "too-long", "password"],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, object], word: str) -> None:
    assert word in faults(**options)[0][1]


def test_only_files_below_an_open_folder_or_the_uploads_are_read(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("http://h.test/a.jpg")
    (folder / "link.txt").symlink_to(outside)
    missing = tmp_path / "not-there.txt"
    answers = {faults(file=str(path))[0] for path in (outside, missing, folder / "link.txt", "../outside.txt")}
    assert len(answers) == 1
    assert "PIXTASKS_DIRECTORY_ROOTS" in answers.pop()[1]
    uploads = tmp_path / "data" / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "list.txt").write_text("http://h.test/u.jpg")
    assert [each.image_url for each in walk(ask(file="list.txt"))] == ["http://h.test/u.jpg"]


@pytest.mark.parametrize(
    ("content", "place", "word"),
    [
        (b"", ("file",), "lists no address"),
        (b"# only a comment\n", ("file",), "lists no address"),
        (b"http://h.test/a\nnonsense\n", ("file", 2), "must begin with"),
        (b'{"url": "http://h.test/a", "size": 3}\n', ("file", 1), "size"),
        (b"\xff\xfe\x00", ("file", 1), "UTF-8"),
        (b"http://h.test/" + b"a" * 30_000, ("file", 1), "longer than"),
        (b"http://h.test/\n" * (LIST_MAX + 1), ("file",), "more than 100000"),
    ],
    ids=["empty", "comment", "nonsense", "extra-key", "binary", "long-line", "too-many"],
)
def test_a_faulty_file_is_refused_with_its_line(
    folder: Path, content: bytes, place: tuple[str | int, ...], word: str
) -> None:
    (folder / "list.txt").write_bytes(content)
    loc, message = faults(file="list.txt")[0]
    assert loc == ("body", "options", "urls", *place)
    assert word in message


def test_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    assert "is not a file" in faults(file=str(folder))[0][1]


def test_a_file_that_changed_after_the_check_drops_nothing_silently(folder: Path) -> None:
    path = folder / "list.txt"
    path.write_text("http://h.test/a.jpg")
    query = ask(file="list.txt")
    path.write_text('nonsense\n{"url": "mailto:x"}\nhttp://h.test/b.jpg')
    assert [each.image_url for each in walk(query)] == ["nonsense", "mailto:x", "http://h.test/b.jpg"]
    path.unlink()
    with pytest.raises(EngineError, match="is not there"):
        ENGINE.search(query, None, PlainWeb())


@pytest.mark.parametrize("cursor", ["", "x", "-1", "100001", "²"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(EngineError, match="cursor"):
        ENGINE.search(ask(urls=["http://h.test/"]), cursor, PlainWeb())
