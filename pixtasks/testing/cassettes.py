"""Cassettes as fixtures of an engine: recorded once, played to its tests ever after (docs/cassettes.md)."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jobs.engines import Engine, EngineError, Query, Web, WebResponse, parse_options
from jobs.engines.keys import keyless
from jobs.engines.secrets import HIDDEN
from jobs.fetch.cassettes import CassetteError, CassetteReader, CassetteWriter, RecordingWeb, begin_cassette
from jobs.fetch.cassettes.secrets import Scrubber
from jobs.fetch.web import WebResponse as Response

from .recorded import Answer, recorded

PAGES_MOST: Final = 20
BODY_MOST: Final = 20_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Searched:
    """How the recording of one search ended.

    Attributes:
        pages: that were recorded.
        error: what the engine made of the last answer; None where it was a page.
        more: pages follow that were not asked for.
    """

    pages: int
    error: EngineError | None
    more: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for when a cassette was recorded."""

    keywords: tuple[str, ...]
    options: Mapping[str, object]
    limit: int


class Recorder:
    """Makes a cassette of an engine's searches; no image is fetched.

    Args:
        folder: new or empty.
        engine: who asks.
        asked: what the searches are.

    Raises:
        CassetteError: the folder cannot be written, or is not empty.
    """

    def __init__(self, folder: Path, engine: Engine, asked: Asked) -> None:
        begin_cassette(
            folder,
            {
                "keywords": list(asked.keywords),
                "engines": [engine.name],
                "options": {engine.name: dict(asked.options)},
                "max_images": asked.limit,
            },
        )
        self._engine = engine
        self._asked = asked
        self._writer = _OnceWriter(folder)

    def search(self, keyword: str, web: Web, *, pages: int = PAGES_MOST) -> Searched:
        """Record one search until its last page, or the answer that it fails at.

        Args:
            web: the way to the source.
            pages: at most.
        """
        recording = RecordingWeb(web, self._writer, Scrubber(), self._engine.name)
        query = Query(
            keyword, self._engine.name, self._asked.limit, parse_options(self._engine, dict(self._asked.options))
        )
        cursor = None
        for number in range(pages):
            try:
                cursor = self._engine.search(query, cursor, recording).next
            except EngineError as error:
                return Searched(number, error, more=False)
            if cursor is None:
                return Searched(number + 1, None, more=False)
        return Searched(pages, None, more=True)


class Through:
    """A ``Web`` that asks another server in a source's place: a mirror, or one that answers as the source does.

    Args:
        web: does the work.
        origin: of that server, such as "http://127.0.0.1:8000".
    """

    def __init__(self, web: Web, origin: str) -> None:
        self._web = web
        self._origin = urlsplit(origin)

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 5_000_000,
        robots: bool = False,
    ) -> WebResponse:
        """Return that server's answer, as if the source had given it."""
        there = urlunsplit((self._origin.scheme, self._origin.netloc, *urlsplit(url)[2:]))
        answer = self._web.get(there, headers=headers, max_bytes=max_bytes, robots=robots)
        return Response(answer.status, url, dict(answer.headers), answer.body)

    def post(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, max_bytes: int = 5_000_000
    ) -> WebResponse:
        """Return that server's answer to a form, as if the source had given it."""
        there = urlunsplit((self._origin.scheme, self._origin.netloc, *urlsplit(url)[2:]))
        answer = self._web.post(there, form, headers=headers, max_bytes=max_bytes)
        return Response(answer.status, url, dict(answer.headers), answer.body)


def asked_for(folder: Path, engine: str) -> Asked:
    """Return what a cassette was recorded for.

    Raises:
        CassetteError: it is none.
    """
    about = CassetteReader(folder).about
    options = about.get("options", {}).get(engine, {})
    return Asked(tuple(map(str, about.get("keywords", ()))), options, int(about.get("max_images", 100)))


def answers_on(folder: Path, *, edited: bool = False) -> list[Answer]:
    """Return the answers of a cassette; the addresses without the parameters that held keys.

    Args:
        edited: take bodies as they are, also where somebody changed them by hand.

    Raises:
        CassetteError: it is no cassette, or a body is missing or, unless ``edited``, changed.
    """
    reader = CassetteReader(folder)
    return [_answer(reader, folder, line, edited) for line in reader.exchanges() if "error" not in line]


def was_signed(folder: Path, engine: str) -> bool:
    """Tell whether an engine's requests carried a token when they were recorded.

    Raises:
        CassetteError: it is no cassette.
    """
    return engine in CassetteReader(folder).signed


def record_again(folder: Path, engine: Engine, to: Path) -> None:
    """Record the searches of a cassette once more, from its own answers, bodies that were changed by hand too.

    What the engine asks by now may differ from what it asked then: the answer to the most similar request is taken.

    Args:
        to: folder of the new cassette; new or empty.

    Raises:
        CassetteError: the engine asks for a path that the cassette has no answer to.
    """
    asked = asked_for(folder, engine.name)
    recorder = Recorder(to, engine, asked)
    with recorded(answers_on(folder, edited=True), loosely=True) as web, keyless():
        web.signed = was_signed(folder, engine.name)
        for keyword in asked.keywords:
            recorder.search(keyword, web)
        if web.unknown:
            raise CassetteError(f"{folder} has no answer to {', '.join(web.unknown)}.")


def renew(folder: Path, engine: Engine) -> bool:
    """Put what :func:`record_again` records in the place of a cassette.

    Returns:
        Whether it differs from what was there.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        fresh = Path(place) / "cassette"
        record_again(folder, engine, fresh)
        if content_of(fresh) == content_of(folder):
            return False
        shutil.rmtree(folder)
        shutil.move(fresh, folder)
        return True


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a cassette by their paths in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class _OnceWriter(CassetteWriter):
    """Keeps an answer that comes again, and is the same, once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._seen: set[tuple[str, str]] = set()

    def add(self, line: Mapping[str, Any], body: bytes | Path | None = None, *, sha256: str = "") -> None:
        key = json.dumps(line, sort_keys=True), sha256 or _digest(body)
        if key not in self._seen:
            self._seen.add(key)
            super().add(line, body, sha256=sha256)


def _digest(body: bytes | Path | None) -> str:
    content = body.read_bytes() if isinstance(body, Path) else body or b""
    return hashlib.sha256(content).hexdigest()


def _answer(reader: CassetteReader, folder: Path, line: Mapping[str, Any], edited: bool) -> Answer:
    parts = urlsplit(str(line["url"]))
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if value != HIDDEN]
    headers = {name.title(): str(value) for name, value in line.get("answer", {}).items()}
    return Answer(
        urlunsplit(parts._replace(query=urlencode(query))),
        _edited(folder, line) if edited else reader.body(line, BODY_MOST),
        status=int(line.get("status", 0)),
        headers=headers,
    )


def _edited(folder: Path, line: Mapping[str, Any]) -> bytes:
    """Return a body of one's own cassette, whatever it is by now."""
    name = str(line.get("body", ""))
    path = folder / "bodies" / name[:2] / name
    if not name.isalnum() or not path.is_file():
        raise CassetteError(f"{folder} has no body {name!r}.")
    return path.read_bytes()
