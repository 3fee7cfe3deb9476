"""Runs management commands in the test's own process, and a job whose files come from a real folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from jobs.management.requests import CrawlRequest, read_request
from tests.images import broken_images, photo_variants


@dataclass(frozen=True)
class Ran:
    """What a command printed, what it complained of, and its exit code."""

    output: str
    complaint: str
    code: int

    @property
    def json(self) -> Any:
        """The one JSON value it printed."""
        return json.loads(self.output)


def run(*arguments: str) -> Ran:
    """Run a command as ``manage.py`` would; its output is no terminal."""
    output = StringIO()
    try:
        call_command(*arguments, stdout=output, stderr=StringIO())
    except CommandError as error:
        return Ran(output.getvalue(), str(error), error.returncode)
    except SystemExit as exit_:
        return Ran(output.getvalue(), "", int(exit_.code or 0))
    return Ran(output.getvalue(), "", 0)


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """A folder that jobs may read: six photographs, one of them twice, a truncated JPEG and a file that is no image."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, picture in enumerate(photo_variants(6, 7, formats=("jpeg",))):
        (folder / f"photo-{number}.jpg").write_bytes(picture.data)
    (folder / "twice.jpg").write_bytes((folder / "photo-0.jpg").read_bytes())
    (folder / "cut.jpg").write_bytes(broken_images()["cut.jpg"])
    (folder / "text.jpg").write_bytes(b"<!doctype html><title>no picture</title>" * 20)
    settings.PIXTASKS_DIRECTORY_ROOTS = [str(folder)]
    return folder


@pytest.fixture
def request_for(folder: Path) -> Callable[..., CrawlRequest]:
    """A function that reads the options of a crawl over the folder."""

    def read(**options: Any) -> CrawlRequest:
        return read_request(
            {"keywords": "holiday", "directory": str(folder), "max_images": "100", "project": "tests", **options}
        )

    return read
