"""What each adapter must make of the recorded answers of its source: one row per adapter, tested alike.

A new adapter is a module here named ``adapter_<engine>.py`` with an ``ADAPTER``, and a cassette in ``data/cassettes``.
One cassette holds all cases: each is a search of its own, whose keyword is the case.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jobs.engines import Candidate
from pixtasks.testing.cassettes import Asked, answers_on, asked_for
from pixtasks.testing.recorded import Answer

from .sources import Reply

CASSETTES = Path(__file__).parent / "data" / "cassettes"

# Cases that every cassette has.
PAGES = "red fox"
NOTHING = "nothing"
REFUSED = "refused"  # an error in the source's own form
WAIT, WAIT_SECONDS = "wait", "wait 7 s"  # 429 without and with Retry-After
KEYS = ("unauthorized", "forbidden")  # 401 and 403
NO_JSON = ("cut", "html")
COMMON = (PAGES, NOTHING, REFUSED, WAIT, WAIT_SECONDS, *KEYS, *NO_JSON)


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter and what its cassette must lead to.

    Attributes:
        name: of the engine, and of its cassette.
        search: path of its search requests; errors are tried there.
        turns: parameters that tell the answers of one case apart.
        asks: parameters that the first request must carry.
        found: external ids of the candidates, page by page.
        first: the whole first candidate.
        duplicate: external id that both pages have.
        unlicensed: external id of a candidate whose source tells no licence; "" where every one has it.
        html_creator: (external id, creator, creator_url) of one whose author came as HTML; None where none does.
        needed: (part of an address, path of a field) that must not vanish silently: ("", "results[0].url") of the
            first answer.
        may_be_absent: fields that the source leaves out where they mean nothing.
        refusal: words of the source that the message of its refusal must hold.
        settings: settings of Django for the test, such as its keys.
        secrets: values of them that no message may hold.
        bad_options: refused when the job is created.
        good_options: (options, parameters) that the first request must then carry.
    """

    name: str
    search: str
    turns: tuple[str, ...]
    asks: Mapping[str, str]
    found: tuple[tuple[str, ...], ...]
    first: Candidate
    duplicate: str
    unlicensed: str
    html_creator: tuple[str, str, str] | None
    needed: tuple[tuple[str, str], ...]
    refusal: str
    may_be_absent: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    bad_options: tuple[Mapping[str, object], ...] = ({"colour_of_the_sky": "blue"},)
    good_options: tuple[tuple[Mapping[str, object], Mapping[str, str]], ...] = ()

    @property
    def cassette(self) -> Path:
        """The folder of its cassette."""
        return CASSETTES / self.name

    @property
    def asked(self) -> Asked:
        """What the cassette was recorded for."""
        return _asked(self.name)

    def answers(self, case: str = PAGES) -> list[Answer]:
        """Return the answers of one case, and those that belong to none, in the order in which they came."""
        return [each for each in _answers(self.name) if self._case_of(each) in {case, None}]

    def replies(self, case: str = PAGES) -> tuple[Reply, ...]:
        """Return the same for a server, which asks for no more of a request than tells them apart."""
        answers = self.answers(case)
        paths = [urlsplit(each.url).path for each in answers]
        replies = []
        for answer, path in zip(answers, paths, strict=True):
            query = dict(parse_qsl(urlsplit(answer.url).query)) if paths.count(path) > 1 else {}
            headers = dict(answer.headers)
            kind = headers.pop("Content-Type", "")
            turns = {name: query[name] for name in self.turns if name in query}
            replies.append(Reply(path, answer.body, turns, answer.status, headers, kind))
        return tuple(sorted(replies, key=lambda each: -len(each.query)))

    def body(self, part: str = "", case: str = PAGES) -> bytes:
        """Return the body of the first answer of a case whose address has this part."""
        return next(each.body for each in self.answers(case) if part in each.url)

    def json(self, part: str = "", case: str = PAGES) -> Any:
        """Return the same as JSON."""
        return json.loads(self.body(part, case))

    def _case_of(self, answer: Answer) -> str | None:
        values = [value for _, value in parse_qsl(urlsplit(answer.url).query)]
        # Commons' searches begin with filters.
        return next((each for each in self.asked.keywords if any(f" {v}".endswith(f" {each}") for v in values)), None)


@cache
def _answers(name: str) -> list[Answer]:
    return answers_on(CASSETTES / name)


@cache
def _asked(name: str) -> Asked:
    return asked_for(CASSETTES / name, name)


def adapters() -> list[Adapter]:
    """Return the rows of all modules ``adapter_…`` of this folder, by name."""
    names = sorted(
        each.name for each in pkgutil.iter_modules([str(Path(__file__).parent)]) if each.name.startswith("adapter_")
    )
    return [import_module(f"{__package__}.{name}").ADAPTER for name in names]
