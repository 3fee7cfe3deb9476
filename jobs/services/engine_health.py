"""What crawls and gathers bring from each engine, for the figures of throughput and health."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from jobs.engines import EngineNotConfigured, UnknownEngine, resolve
from jobs.fetch.outcomes import Outcome
from jobs.models import FetchFailure, Image
from tasktypes.models import Measure
from tasktypes.services import throughput


def engine_source(name: str) -> str:
    """Return the source under which an engine's figures stand: its rate key, whether or not its rate is limited.

    Args:
        name: as a user wrote it; another engine may answer for it.
    """
    try:
        return f"engine:{resolve(name).name}"
    except (UnknownEngine, EngineNotConfigured):
        return f"engine:{name}"


def record_fetched(images: Iterable[Image], failures: Iterable[tuple[str, FetchFailure]]) -> None:
    """Record what became of candidates; inside the transaction that stores it.

    Args:
        images: that were stored.
        failures: backend, and what did not become a new image; a duplicate is nobody's fault and is not counted.
    """
    amounts: Counter[throughput.Key] = Counter()
    for image in images:
        source = f"engine:{image.backend}"
        amounts[Measure.STORED, source] += 1
        amounts[Measure.BYTES, source] += image.bytes
    for backend, failure in failures:
        if failure.outcome != Outcome.DUPLICATE:
            amounts[Measure.REFUSED, f"engine:{backend}"] += 1
    throughput.record(amounts)


def record_asked(*, answered: Iterable[str], failed: Iterable[tuple[str, str]], task_id: int) -> None:
    """Record which engines answered where one task asks several; a crawl's chunk tells that by how it ends.

    Args:
        answered: the backends that did.
        failed: backend and error of those that did not.
        task_id: who asked.
    """
    throughput.record(Counter((Measure.ANSWERED, f"engine:{backend}") for backend in answered))
    throughput.record_failed_attempts((f"engine:{backend}", error, task_id) for backend, error in failed)
