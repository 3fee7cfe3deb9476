"""Which engines an iteration may ask, and telling all workers how they answered (jobs.services.engine_state)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gather.services.iteration import Iteration
from gather.services.sources import Position, Source
from jobs.engines import EngineError, EngineUnavailable
from jobs.services.engine_health import record_asked
from jobs.services.engine_state import Gate, answered, failed, gate, refused
from tasktypes.handlers import Postponed

PATIENCE: Final = 60.0
"""Seconds that a run waits for an engine; one that is paused for longer is left out, and the others are asked."""


def gates_of(sources: Sequence[Source], positions: Sequence[Position]) -> dict[str, Gate]:
    """Return the gates of the engines that have more to give, by name.

    Raises:
        Postponed: one is paused for some seconds, or all are paused.
    """
    open_sources = [source for source, position in zip(sources, positions, strict=True) if not position.ended]
    names = sorted({source.engine.name for source in open_sources})
    gates = {name: gate(name) for name in names}
    shut = {name: passed for name, passed in gates.items() if passed.seconds}
    brief = [passed for passed in shut.values() if passed.seconds <= PATIENCE]
    waits = brief or (list(shut.values()) if len(shut) == len(gates) else [])
    if waits:
        shortest = min(waits, key=lambda passed: passed.seconds)
        raise Postponed(shortest.seconds, shortest.reason)
    return gates


def left_out(sources: Sequence[Source], gates: Mapping[str, Gate]) -> dict[int, str]:
    """Return why sources are not asked, by number."""
    reasons = {name: passed.reason for name, passed in gates.items() if passed.seconds}
    return {
        number: reasons[source.engine.name] for number, source in enumerate(sources) if source.engine.name in reasons
    }


def tell_engines(iteration: Iteration, gates: Mapping[str, Gate], task_id: int) -> None:
    """Record which engines answered, and what that means for everybody; it is so whatever becomes of the attempt."""
    sources, gathered = iteration.sources, iteration.gathered
    numbers = {(one.chunk.keyword, one.chunk.engine): number for number, one in enumerate(sources)}
    failures = [(numbers[one["keyword"], one["engine"]], one["error"]) for one in gathered.errors]
    record_asked(
        answered=[sources[number].chunk.backend for number in gathered.more],
        failed=[(sources[number].chunk.backend, error) for number, error in failures if number in iteration.faults],
        task_id=task_id,
    )
    for number, wait in iteration.waits.items():
        if sources[number].engine.rate_limited:
            answered(gates[sources[number].engine.name], wait=wait)
    for number, fault in iteration.faults.items():
        source = sources[number]
        if not source.engine.rate_limited or not isinstance(fault, EngineError):
            continue
        passed, keyword = gates[source.engine.name], source.query.keyword
        if isinstance(fault, EngineUnavailable):
            failed(passed, fault.message, retry_after=fault.retry_after, private=keyword)
        else:
            refused(passed, fault.message, private=keyword)
