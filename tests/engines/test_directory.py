"""The engine of local folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs.engines import EngineError, EngineNotConfigured, Query, engines, parse_options, resolve
from jobs.engines.directory import PAGE_SIZE
from pixtasks.common.errors import InvalidInput, RuleViolation

from .conftest import PlainWeb

ENGINE = engines["directory"]


@pytest.fixture
def root(tmp_path: Path, settings) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    settings.PIXTASKS_DIRECTORY_ROOTS = [str(root)]
    return root


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def walk(**options: object) -> list[str]:
    query = Query("cat", "directory", 100, parse_options(ENGINE, options))
    found: list[str] = []
    cursor: str | None = None
    for _ in range(1000):
        page = ENGINE.search(query, cursor, PlainWeb())
        assert all(each.path is not None and each.path.is_file() and not each.image_url for each in page.candidates)
        found += [each.external_id for each in page.candidates]
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError("the search does not end")


def test_images_are_found_in_the_order_of_their_names(root: Path) -> None:
    fill(root, "b.jpg", "a/2.PNG", "a/1.webp", "c/d/e.gif", "noext", "notes.txt", ".hidden.jpg", ".cache/x.jpg")
    assert walk(path=str(root)) == ["a/1.webp", "a/2.PNG", "b.jpg", "c/d/e.gif", "noext"]
    assert walk(path=str(root), recursive=False) == ["b.jpg", "noext"]
    assert walk(path="a") == ["1.webp", "2.PNG"]


def test_many_files_are_paged_without_loss_or_repeat(root: Path) -> None:
    names = [f"{number % 7}/{number:04}.jpg" for number in range(PAGE_SIZE * 2 + 3)] + ["a.jpg", "zz/y/x.jpg"]
    fill(root, *names)
    assert walk(path=str(root)) == sorted(names, key=lambda name: name.split("/"))


def test_a_page_that_ends_exactly_with_the_last_file_is_the_last(root: Path) -> None:
    fill(root, *(f"{number}.jpg" for number in range(PAGE_SIZE)))
    page = ENGINE.search(Query("cat", "directory", 1, parse_options(ENGINE, {"path": str(root)})), None, PlainWeb())
    assert (len(page.candidates), page.next) == (PAGE_SIZE, None)


def test_links_are_resolved_and_must_stay_below_a_root(root: Path, tmp_path: Path) -> None:
    fill(tmp_path, "outside/secret.jpg")
    fill(root, "in/a.jpg")
    (root / "good.jpg").symlink_to(root / "in" / "a.jpg")
    (root / "leak.jpg").symlink_to(tmp_path / "outside" / "secret.jpg")
    (root / "leaks").symlink_to(tmp_path / "outside")
    (root / "circle").symlink_to(root)
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    (root / "gone.jpg").symlink_to(root / "nothing.jpg")
    os.mkfifo(root / "pipe.jpg")
    assert walk(path=str(root)) == ["good.jpg", "in/a.jpg"]
    with pytest.raises(InvalidInput, match="PIXTASKS_DIRECTORY_ROOTS"):
        parse_options(ENGINE, {"path": str(root / "leaks")})


def test_outside_of_the_roots_it_is_not_told_what_exists(root: Path, tmp_path: Path) -> None:
    messages = set()
    for path in (tmp_path, tmp_path / "nothing", "/etc", "..", str(root) + "-beside", f"{root}/../x"):
        with pytest.raises(InvalidInput) as caught:
            parse_options(ENGINE, {"path": str(path)}, loc=("body", "options", "directory"))
        assert caught.value.errors[0].loc == ("body", "options", "directory", "path")
        messages.add(caught.value.errors[0].msg)
    assert len(messages) == 1


@pytest.mark.parametrize(("path", "word"), [("nothing", "is not there"), ("a.jpg", "not a folder"), ("a\0b", "path")])
def test_what_is_no_folder_is_refused(root: Path, path: str, word: str) -> None:
    fill(root, "a.jpg")
    with pytest.raises(InvalidInput, match=word):
        parse_options(ENGINE, {"path": path})


def test_without_roots_the_setting_is_named(settings) -> None:
    settings.PIXTASKS_DIRECTORY_ROOTS = []
    with pytest.raises(RuleViolation, match="PIXTASKS_DIRECTORY_ROOTS"):
        parse_options(ENGINE, {"path": "/"})
    with pytest.raises(EngineNotConfigured, match="PIXTASKS_DIRECTORY_ROOTS"):
        resolve("directory")


def test_a_folder_that_was_closed_or_removed_after_the_check_fails_with_a_sentence(root: Path, settings) -> None:
    fill(root, "in/a.jpg")
    query = Query("cat", "directory", 1, parse_options(ENGINE, {"path": "in"}))
    (root / "in").rename(root / "out")
    with pytest.raises(EngineError, match="is not there"):
        ENGINE.search(query, None, PlainWeb())
    settings.PIXTASKS_DIRECTORY_ROOTS = []
    with pytest.raises(EngineError, match="PIXTASKS_DIRECTORY_ROOTS"):
        ENGINE.search(query, None, PlainWeb())


def test_names_that_are_not_utf8_are_found_and_shown_readably(root: Path) -> None:
    with open(os.path.join(os.fsencode(root), b"caf\xe9.jpg"), "wb") as handle:
        handle.write(b"x")
    names = walk(path=str(root))
    assert names == ["caf\ufffd.jpg"]
    assert names[0].encode()


@pytest.mark.parametrize("cursor", ["", "x", "[]", "[1]", "{}"])
def test_a_foreign_cursor_is_refused(root: Path, cursor: str) -> None:
    with pytest.raises(EngineError, match="cursor"):
        ENGINE.search(Query("cat", "directory", 1, parse_options(ENGINE, {"path": str(root)})), cursor, PlainWeb())
