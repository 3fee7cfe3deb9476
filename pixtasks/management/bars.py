"""A bar for long steps of a command, which also notices that somebody asked to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pixtasks.common.stop_signals import StopSignals

Report = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and of how much; raises ``Interrupted``."""


@contextmanager
def steps(console: Console) -> Iterator[Report]:
    """Show one bar after the other; the value takes what is being done."""
    columns = (TextColumn(" {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        StopSignals() as stop,
        Progress(*columns, console=console, disable=console.quiet or not console.is_terminal) as bars,
    ):
        bar = bars.add_task("", total=None)
        current = ""

        def report(what: str, done: int, total: int) -> None:
            nonlocal current
            stop.look()
            if what != current:
                current = what
                bars.reset(bar, description=what, total=total)
            bars.update(bar, completed=done, total=total)

        yield report
