"""What is told of engines: what they take, whether they can be used here, their limits and how they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from jobs.engines import Engine, UnknownEngine, find, known_names
from jobs.engines.registered import Access
from jobs.engines.registry import aliases
from jobs.models import EngineState
from jobs.services.engine_state import Standing, bucket_of, standing_of
from pixtasks.common.errors import NotFound
from pixtasks.common.sql import database_now
from tasktypes.models import Measure
from tasktypes.services import throughput
from tasktypes.services.limits import used_starts


@dataclass(frozen=True, slots=True)
class Asked:
    """How often an engine was asked within some time, by attempts."""

    answered: int = 0
    erred: int = 0

    @property
    def success(self) -> float | None:
        """Share of the attempts at which it answered; None where it was not asked."""
        asked = self.answered + self.erred
        return self.answered / asked if asked else None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """One name under which images can be looked for.

    Attributes:
        backend: name of the engine that answers; "" where this installation has none.
        missing: settings that must be set before it can be used; empty: it can be.
        options: JSON Schema of what it takes; None without a backend.
        default: asked where a job names no engine.
        page_size: results on a page at most; depth: results of one keyword at most; None: not known.
        licensed: whether it tells licences; None: it does not say.
        docs: path of its page in the documentation; "" where it has none.
        starts, window: so many chunks may begin in so many seconds; None: no limit.
        used: starts that count now.
        access: what it answers to anybody and to who has registered; None where that is the same.
        row: what is remembered of it; None where nothing is.
    """

    name: str
    backend: str
    description: str
    missing: tuple[str, ...]
    options: dict[str, Any] | None
    default: bool
    homepage: str
    terms: str
    page_size: int | None
    depth: int | None
    licensed: bool | None
    docs: str
    starts: int | None
    window: float | None
    used: int
    access: Access | None
    standing: Standing
    hour: Asked
    day: Asked
    row: EngineState | None

    @property
    def alias(self) -> bool:
        """Whether another engine answers for this name."""
        return bool(self.backend) and self.backend != self.name

    @property
    def usable(self) -> bool:
        """Whether a job may use it here."""
        return not self.missing


def engine_list() -> list[EngineFacts]:
    """Return all names, usable ones first; a fixed number of queries."""
    found = _facts(known_names())
    return sorted(found, key=lambda one: (not one.usable, not one.default, one.alias, one.name))


def engine_named(name: str) -> EngineFacts:
    """Return one.

    Raises:
        NotFound: there is no such engine.
    """
    found = _facts([name]) if name in known_names() else []
    if not found:
        raise NotFound("Engine not found")
    return found[0]


def _facts(names: list[str]) -> list[EngineFacts]:
    engines: dict[str, Engine | None] = {}
    for name in names:
        try:
            engines[name] = find(name)
        except UnknownEngine:  # An alias of an engine that is not installed.
            engines[name] = None
    now = timezone.now()
    hour, day = (throughput.totals(now - timedelta(hours=hours)) for hours in (1, 24))
    rows = {row.pk: row for row in EngineState.objects.all()}
    starts = used_starts(bucket_of(one.name) for one in engines.values() if one is not None and one.rate_limited)
    clock = database_now()
    found = []
    for name, engine in engines.items():
        backend = engine.name if engine is not None else ""
        row = rows.get(backend)
        used, limit = starts.get(bucket_of(backend), (0, None))
        found.append(
            EngineFacts(
                name=name,
                backend=backend,
                description=engine.description if engine is not None else "No engine answers for this name here.",
                missing=tuple(engine.missing()) if engine is not None else ("PIXTASKS_ENGINE_ALIASES",),
                options=engine.Options.model_json_schema() if engine is not None else None,
                default=name in settings.PIXTASKS_DEFAULT_ENGINES,
                homepage=getattr(engine, "homepage", ""),
                terms=getattr(engine, "terms", ""),
                page_size=getattr(engine, "page_size", None),
                depth=getattr(engine, "depth", None),
                licensed=getattr(engine, "licensed", None),
                docs=_docs(backend),
                starts=limit.starts if limit is not None else None,
                window=limit.window.total_seconds() if limit is not None else None,
                used=used,
                access=getattr(engine, "access", None),
                standing=standing_of(row, clock),
                hour=_asked(hour, backend),
                day=_asked(day, backend),
                row=row,
            )
        )
    return found


def suggested_engines() -> list[str]:
    """Return the engines that the form of a new job begins with, in the console and on the pages of users.

    They are those of PIXTASKS_DEFAULT_ENGINES that can be used here and need nothing but a keyword; where none can,
    the first engine that does.
    """
    usable = [name for name in known_names() if _answers(name)]
    default = [name for name in usable if name in settings.PIXTASKS_DEFAULT_ENGINES]
    return default or sorted(usable, key=lambda name: (name in aliases(), name))[:1]


def takes_keywords_only(engine: Engine) -> bool:
    """Whether an engine may be asked without any options."""
    try:
        engine.Options()
    except ValueError:
        return False
    return True


def _answers(name: str) -> bool:
    try:
        engine = find(name)
    except UnknownEngine:
        return False
    return not engine.missing() and takes_keywords_only(engine)


def _asked(totals: dict[throughput.Key, int], backend: str) -> Asked:
    key = bucket_of(backend)
    return Asked(totals.get((Measure.ANSWERED, key), 0), totals.get((Measure.ERRED, key), 0))


def _docs(backend: str) -> str:
    """Return the page of an engine where there is one."""
    path = Path("docs") / "engines" / f"{backend}.md"
    return str(path) if backend and (Path(settings.BASE_DIR) / path).is_file() else ""
