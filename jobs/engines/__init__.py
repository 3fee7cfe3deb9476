"""Sources of images: one file per engine, no models inside.

A new engine is a module here with an ``ENGINE``, or a package elsewhere with an entry point in ``pixtasks.engines``.
"""

from __future__ import annotations

from .base import (
    Candidate,
    Engine,
    EngineError,
    EngineUnavailable,
    FormatChanged,
    Page,
    Query,
    Web,
    WebError,
    WebResponse,
)
from .registry import (
    EngineNotConfigured,
    UnknownEngine,
    engines,
    find,
    known_names,
    load_builtin,
    load_entry_points,
    parse_options,
    resolve,
)

__all__ = [
    "Candidate",
    "Engine",
    "EngineError",
    "EngineNotConfigured",
    "EngineUnavailable",
    "FormatChanged",
    "Page",
    "Query",
    "UnknownEngine",
    "Web",
    "WebError",
    "WebResponse",
    "engines",
    "find",
    "known_names",
    "load_builtin",
    "load_entry_points",
    "parse_options",
    "resolve",
]

load_builtin()
