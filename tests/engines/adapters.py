"""What each adapter must make of the recorded answers of its source: one row per adapter, tested alike.

A new adapter is a module here named ``adapter_<engine>.py`` with an ``ADAPTER``, and a folder in ``data``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from jobs.engines import Candidate

from .sources import Reply


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter and its recordings.

    Attributes:
        name: of the engine.
        search: path of its search requests; errors are tried there.
        pages: answers to a search of two pages; of several that fit a request, the first one is sent.
        empty: answers to a search that finds nothing.
        asks: parameters that the first request must carry.
        found: external ids of the candidates, page by page.
        first: the whole first candidate.
        duplicate: external id that both pages have.
        unlicensed: external id of a candidate whose source tells no licence; "" where every one has it.
        html_creator: (external id, creator, creator_url) of one whose author came as HTML; None where none does.
        needed: (file, path of a field) that must not vanish silently, such as ("first.json", "results[0].url").
        refusal: (status, file, words) of an error in the source's own form; the words must be in the message.
        unauthorized: file of the source's answer to a bad or missing key.
        settings: settings of Django for the test, such as its keys.
        secrets: values of them that no message may hold.
        options: of the search.
        bad_options: refused when the job is created.
        good_options: (options, parameters) that the first request must then carry.
    """

    name: str
    search: str
    pages: tuple[Reply, ...]
    empty: tuple[Reply, ...]
    asks: Mapping[str, str]
    found: tuple[tuple[str, ...], ...]
    first: Candidate
    duplicate: str
    unlicensed: str
    html_creator: tuple[str, str, str] | None
    needed: tuple[tuple[str, str], ...]
    refusal: tuple[int, str, str]
    unauthorized: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    bad_options: tuple[Mapping[str, object], ...] = ({"colour_of_the_sky": "blue"},)
    good_options: tuple[tuple[Mapping[str, object], Mapping[str, str]], ...] = ()


def adapters() -> list[Adapter]:
    """Return the rows of all modules ``adapter_…`` of this folder, by name."""
    names = sorted(
        each.name for each in pkgutil.iter_modules([str(Path(__file__).parent)]) if each.name.startswith("adapter_")
    )
    return [import_module(f"{__package__}.{name}").ADAPTER for name in names]
