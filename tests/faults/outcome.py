"""What a scenario reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.auditor import Findings
from tests.faults.site import Ground


@dataclass
class Outcome:
    """One row of the table.

    Attributes:
        done: what was done, in numbers.
        lost, duplicated: how many; None where the test is about something else.
        redone: share of the work that was done again.
        recovery: seconds until work flowed again, one per fault.
        broken: promises that were not kept.
        slow: bounds of time that were passed; the short forms do not look at them.
        skipped: why the scenario could not run here.
    """

    done: str = ""
    lost: int | None = 0
    duplicated: int | None = 0
    redone: float | None = None
    recovery: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    skipped: str = ""

    def take(self, found: Findings) -> None:
        """Add what an audit found."""
        self.lost = (self.lost or 0) + len(found.lost)
        self.duplicated = (self.duplicated or 0) + len(found.duplicated)
        self.broken += found.faults
        if found.items:
            self.redone = found.redone

    def expect(self, held: bool, promise: str) -> None:
        """Note a promise that was not kept."""
        if not held:
            self.broken.append(promise)

    def bound(self, held: bool, bound: str) -> None:
        """Note a bound of time that was passed."""
        if not held:
            self.slow.append(bound)

    def percentile(self, share: float) -> float | None:
        """Return the recovery that this share of all faults did not pass."""
        if not self.recovery:
            return None
        ordered = sorted(self.recovery)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


Scenario = Callable[..., Outcome]
"""Called with a :class:`Ground` and the scenario's own numbers."""

__all__ = ["Ground", "Outcome", "Scenario"]
