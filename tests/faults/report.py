"""Rows of measurements, and the section of docs/reliability.md that keeps the latest of each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.outcome import Outcome

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
COLUMNS = (
    "test", "on", "what was done", "lost", "duplicated", "redone", "recovery p50 / p95 / max", "bounds", "took", "date",
)  # fmt: skip
_HEADING = "## What was measured"


@dataclass
class Row:
    """One test on one form."""

    name: str
    form: str
    outcome: Outcome
    took: float

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the table's columns."""
        one = self.outcome
        times = [one.percentile(0.5), one.percentile(0.95), max(one.recovery, default=None)]
        recovery = "–" if times[0] is None else " / ".join(f"{time:.1f}" for time in times if time is not None) + " s"
        bounds = "broken" if one.broken else ("; ".join(one.slow) or "kept")
        return (
            self.name,
            self.form,
            one.done,
            "–" if one.lost is None else str(one.lost),
            "–" if one.duplicated is None else str(one.duplicated),
            "–" if one.redone is None else f"{one.redone:.1%}",
            recovery,
            bounds,
            f"{self.took / 60:.1f} min",
            f"{datetime.now(UTC):%Y-%m-%d}",
        )


def machine() -> str:
    """Return the machine's size."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{os.cpu_count()} cores, {memory:.0f} GB"


def write(rows: list[Row]) -> None:
    """Put rows into the document; each replaces the one of the same test on the same form."""
    text = DOCUMENT.read_text()
    if _HEADING not in text:
        text = text.rstrip("\n") + f"\n\n{_HEADING}\n\n"
    before, _, section = text.partition(_HEADING)
    end = re.search(r"^## ", section, re.MULTILINE)
    section, after = (section[: end.start()], section[end.start() :]) if end else (section, "")
    kept = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| T"):
            kept[cells[0], cells[1]] = cells
    for row in rows:
        kept[row.name, row.form] = [cell.replace("|", "/") for cell in row.cells()]

    def order(key: tuple[str, str]) -> tuple[int, str, str]:
        number = re.match(r"T(\d+)", key[0])
        return (int(number[1]) if number else 0, *key)

    table = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    table += ["| " + " | ".join(kept[key]) + " |" for key in sorted(kept, key=order)]
    prose = [line for line in section.splitlines() if line.strip() and not line.startswith("|")]
    prose = [line for line in prose if not line.startswith("Written by")]
    told = f"Written by `make faults`, on {machine()}; a row that was not run again keeps its date."
    DOCUMENT.write_text(
        before + _HEADING + "\n\n" + "\n".join([told, "", *prose, *([""] if prose else []), *table]) + "\n"
        + ("\n" + after if after else "")
    )  # fmt: skip
