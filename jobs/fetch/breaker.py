"""Leaves a server alone that fails again and again, and looks after a while whether it is back.

One failing server of many must not burn a timeout per address. After ``failures`` in a row its circuit opens: what
waits for it ends at once. Half a minute later one address is let through; how that ends decides for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OPEN_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    open_until: float | None = None
    why: str = ""
    probing: bool = False


class Breaker:
    """The circuits of the origins that a client has met. Moments are those of ``time.monotonic``.

    Args:
        failures: so many in a row open a circuit; 0 = never.
    """

    def __init__(self, failures: int) -> None:
        self._failures = failures
        self._circuits: dict[str, _Circuit] = {}

    def refuses(self, origin: str, now: float) -> tuple[str, float] | None:
        """Return why nothing may be asked of an origin now, and for how many seconds; None where it may."""
        circuit = self._circuits.get(origin)
        if circuit is None or circuit.open_until is None or circuit.open_until <= now:
            return None
        return circuit.why, circuit.open_until - now

    def must_wait(self, origin: str) -> bool:
        """Tell whether another address of this origin has to show first that it is back; else this one is the one."""
        circuit = self._circuits.get(origin)
        if circuit is None or circuit.open_until is None:
            return False
        if circuit.probing:
            return True
        circuit.probing = True
        return False

    def succeeded(self, origin: str) -> None:
        """Note an answer that is worth more of them."""
        self._circuits.pop(origin, None)

    def failed(self, origin: str, now: float, outcome: str) -> bool:
        """Note a failure; return whether the circuit is open by it."""
        circuit = self._circuits.setdefault(origin, _Circuit())
        circuit.failures += 1
        if not circuit.probing:
            already = circuit.open_until is not None and circuit.open_until > now
            # Those that were on their way when it opened say nothing new.
            if already or not self._failures or circuit.failures < self._failures:
                return False
        self.open(origin, now + OPEN_SECONDS, f"{circuit.failures} requests in a row failed, the last as {outcome}")
        return True

    def open(self, origin: str, until: float, why: str) -> None:
        """Ask nothing more of an origin before that moment."""
        circuit = self._circuits.setdefault(origin, _Circuit())
        circuit.open_until, circuit.why, circuit.probing = until, why, False
