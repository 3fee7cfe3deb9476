"""How much is done per minute, and how the engines are, from the throughput's rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from jobs.engines import engines
from jobs.services.engine_state import Condition, engine_conditions
from tasktypes.models import Measure
from tasktypes.services import throughput
from tasktypes.services.limits import used_starts

PREFIX: Final = "engine:"
RECENT: Final = 5
"""Minutes that the pace of now is the mean of."""


@dataclass(frozen=True, slots=True)
class Strand:
    """One kind of thing in a chart: its name, its colour's class, and an amount for each stretch of time."""

    name: str
    kind: str
    values: list[int]


@dataclass(frozen=True, slots=True)
class Flow:
    """Amounts by stretches of time, the last of which goes on now.

    Attributes:
        begins_at: of the first stretch.
        minutes: of each.
    """

    title: str
    begins_at: datetime
    minutes: int
    strands: list[Strand]

    @property
    def total(self) -> int:
        """All there was."""
        return sum(sum(strand.values) for strand in self.strands)

    @property
    def sums(self) -> list[int]:
        """The amount of each stretch."""
        return [sum(values) for values in zip(*(strand.values for strand in self.strands), strict=True)]

    @property
    def peak(self) -> float:
        """The most of any stretch, per minute."""
        return max(self.sums, default=0) / self.minutes

    @property
    def pace(self) -> float:
        """Per minute, by the last minutes that are over."""
        over = self.sums[-1 - RECENT : -1]
        return sum(over) / (len(over) * self.minutes) if over else 0.0


@dataclass(frozen=True, slots=True)
class Rates:
    """The charts."""

    images_hour: Flow
    tasks_hour: Flow
    images_day: Flow
    tasks_day: Flow

    @property
    def by_name(self) -> dict[str, Flow]:
        """The charts by their names, in the order in which they are shown."""
        return {name: getattr(self, name) for name in ("images_hour", "tasks_hour", "images_day", "tasks_day")}


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """An engine over the last day.

    Attributes:
        answered, erred: attempts at which it answered and failed.
        stored, refused: candidates that became an image, and that could not be had.
        condition: of its circuit.
        installed: whether it is still there; one that was taken out of the product has no page.
        used, limit, window: starts that count now, how many may, and in how many seconds; limit 0 = unlimited.
    """

    name: str
    answered: int
    erred: int
    stored: int
    refused: int
    used: int
    limit: int
    window: float
    error: str
    error_at: datetime | None
    error_task: int | None
    condition: Condition
    installed: bool

    @property
    def success(self) -> float | None:
        """Share of the attempts at which it answered; None where it was not asked."""
        asked = self.answered + self.erred
        return self.answered / asked if asked else None

    @property
    def colour(self) -> str:
        """How that looks."""
        if self.success is None:
            return "default"
        return "success" if self.success >= 0.95 else "warning" if self.success >= 0.7 else "danger"

    @property
    def fetched(self) -> float | None:
        """Share of its candidates that became an image; None where there were none."""
        tried = self.stored + self.refused
        return self.stored / tried if tried else None


def last_hour() -> tuple[Flow, Flow]:
    """Return images and tasks of the last hour by minutes; one query."""
    return _flows(60, 1)


def last_day() -> tuple[Flow, Flow]:
    """Return images and tasks of the last 24 hours by quarters of an hour; one query."""
    return _flows(24 * 60, throughput.QUARTER)


def engine_health() -> list[EngineHealth]:
    """Return the engines that were asked within a day or have a start that counts, the busiest first."""
    totals = throughput.totals(timezone.now() - timedelta(days=1))
    faults = throughput.latest_faults()
    asked = {source.removeprefix(PREFIX) for _, source in totals if source.startswith(PREFIX)}
    asked |= {source.removeprefix(PREFIX) for source in faults if source.startswith(PREFIX)}
    starts = used_starts(f"{PREFIX}{name}" for name in _limited({*asked, *engines.names()}))
    asked |= {key.removeprefix(PREFIX) for key, (used, _) in starts.items() if used}
    conditions = engine_conditions()
    asked |= {name for name, condition in conditions.items() if condition != Condition.CLOSED}
    found = []
    for name in sorted(asked):
        key = f"{PREFIX}{name}"
        fault = faults.get(key)
        used, limit = starts.get(key, (0, None))
        found.append(
            EngineHealth(
                name=name,
                answered=totals.get((Measure.ANSWERED, key), 0),
                erred=totals.get((Measure.ERRED, key), 0),
                stored=totals.get((Measure.STORED, key), 0),
                refused=totals.get((Measure.REFUSED, key), 0),
                used=used,
                limit=limit.starts if limit else 0,
                window=limit.window.total_seconds() if limit else 0,
                error=fault.message if fault else "",
                error_at=fault.created_at if fault else None,
                error_task=fault.task_id if fault else None,
                condition=conditions.get(name, Condition.CLOSED),
                installed=name in engines.names(),
            )
        )
    return sorted(found, key=lambda one: (-(one.answered + one.erred), one.name))


def _limited(names: Iterable[str]) -> list[str]:
    """Leave out the engines whose starts count against nothing."""
    return [name for name in names if (engine := engines.get(name)) is None or engine.rate_limited]


def _flows(length: int, minutes: int) -> tuple[Flow, Flow]:
    begins_at = throughput.floor(timezone.now() - timedelta(minutes=length), minutes)
    figures = throughput.series(begins_at, minutes, [Measure.STORED, Measure.COMPLETED, Measure.FAILED])
    images = [Strand("images", "mark", figures[Measure.STORED])]
    tasks = [
        Strand("completed", "success", figures[Measure.COMPLETED]),
        Strand("failed", "danger", figures[Measure.FAILED]),
    ]
    return Flow("Images", begins_at, minutes, images), Flow("Tasks", begins_at, minutes, tasks)
