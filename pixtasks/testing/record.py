"""Record a cassette of an engine's searches: ``python -m pixtasks.testing.record`` (docs/cassettes.md)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from jobs.engines import Engine, engines, load_entry_points
from jobs.fetch.cassettes import read_about
from jobs.fetch.web import WebClient
from pixtasks.common.errors import PixtasksError
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits

from .cassettes import PAGES_MOST, Asked, Recorder, Through, renew


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, or record again; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pixtasks.settings")
    given = _parser().parse_args(arguments)
    try:
        engine = _engine(given.engine)
        return _again(engine, given.folder) if given.again else _anew(engine, given)
    except (PixtasksError, ValueError) as error:
        print(f"Not recorded: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pixtasks.testing.record",
        description="Record what an engine's source answers, as a cassette for its tests. No image is fetched.",
    )
    parser.add_argument("engine", help="name of an installed engine, or module:name of its class or an instance")
    parser.add_argument("folder", type=Path, help="the cassette: a new or empty folder; with --again one that exists")
    parser.add_argument("--keyword", action="append", default=[], help="what to search for; may be given repeatedly")
    parser.add_argument("--options", default="{}", help="the engine's options as JSON")
    parser.add_argument("--limit", type=int, default=100, help="images that a chunk would want (default 100)")
    parser.add_argument("--pages", type=int, default=PAGES_MOST, help=f"of each search at most (default {PAGES_MOST})")
    parser.add_argument("--through", default="", help="ask this origin in the source's place: http://127.0.0.1:8000")
    parser.add_argument(
        "--again",
        action="store_true",
        help="ask nobody: record the cassette anew from its own answers, after the engine or its bodies were changed",
    )
    return parser


def _engine(name: str) -> Engine:
    """Return the engine of a name.

    Raises:
        ValueError: there is none.
    """
    module, colon, attribute = name.partition(":")
    if colon:
        try:
            found: Any = getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"there is no {name}: {error}.") from error
        engine: Engine = found() if isinstance(found, type) else found
        return engine
    load_entry_points()
    if name not in engines:
        raise ValueError(f"there is no engine {name!r}; name its class as module:Class.")
    return engines[name]


def _again(engine: Engine, folder: Path) -> int:
    read_about(folder)
    print(f"{folder}: {'recorded anew' if renew(folder, engine) else 'is as it would be recorded now'}.")
    return 0


def _anew(engine: Engine, given: argparse.Namespace) -> int:
    if not given.keyword:
        raise ValueError("say what to search for by --keyword.")
    try:
        options = dict(json.loads(given.options))
    except (TypeError, ValueError) as error:
        raise ValueError(f"--options must be a JSON object: {error}.") from error
    lacking = engine.missing()
    if lacking:
        raise ValueError(f"{engine.name} cannot be asked: set {', '.join(lacking)} before.")
    recorder = Recorder(given.folder, engine, Asked(tuple(given.keyword), options, given.limit))
    with WebClient(AddressPolicy.from_settings(), FetchLimits.from_settings()) as client:
        web = Through(client, given.through) if given.through else client
        ended = [(keyword, recorder.search(keyword, web, pages=given.pages)) for keyword in given.keyword]
    for keyword, search in ended:
        print(f"{keyword}: {search.pages} pages{f', then: {search.error}' if search.error else ''}")
        if search.more:
            print(
                f"{keyword}: more pages follow. Take a keyword that finds less, or more --pages: a test wants the end."
            )
    return 0 if any(search.pages for _, search in ended) else 1


if __name__ == "__main__":
    raise SystemExit(main())
