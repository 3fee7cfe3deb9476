"""Cassettes: everything that a crawl was answered, kept in a folder, so that it can be repeated without the network.

The folder holds ``cassette.json`` (what was asked for), ``index.jsonl`` (one line per answer) and
``bodies/ab/<sha256>`` (what came, each content once). docs/cassettes.md describes the lines.
"""

from __future__ import annotations

from .folder import CassetteError, CassetteReader, CassetteWriter, NotOnCassette, begin_cassette, read_about
from .recording import RecordingEngine, RecordingFetcher, RecordingWeb
from .replaying import ReplayingEngine, ReplayingFetcher, ReplayingWeb

__all__ = [
    "CassetteError",
    "CassetteReader",
    "CassetteWriter",
    "NotOnCassette",
    "RecordingEngine",
    "RecordingFetcher",
    "RecordingWeb",
    "ReplayingEngine",
    "ReplayingFetcher",
    "ReplayingWeb",
    "begin_cassette",
    "read_about",
]
