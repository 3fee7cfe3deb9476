"""How far a job is, while it runs: bars on a terminal, lines elsewhere, nothing for ``--json``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.spinner import Spinner
from rich.text import Text

from jobs.terminal.figures import ChunkFigures
from pixtasks.common.screen import counted, plain, words
from tasktypes.states import State

_LINE_SECONDS = 10.0
_MOST_BARS = 16
_AROUND_BARS = 6  # Lines of a terminal that are left to other things.
_SIGNS = {
    State.PENDING: Text("·", "dim"),
    State.RUNNING: Text("▸", "cyan"),
    State.COMPLETED: Text("✓", "green"),
    State.FAILED: Text("✗", "red"),
    State.CANCELLED: Text("–", "yellow"),
}


class Display(Protocol):
    """Where the progress of a job and of its validation goes."""

    def __enter__(self) -> Display: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def close(self) -> None:
        """Take away what moves; what is shown later stays below what was said."""
        ...

    def say(self, sentence: str) -> None:
        """Show a sentence that stays."""
        ...

    def wait(self, sentence: str) -> None:
        """Show what is being waited for, until something else is shown."""
        ...

    def crawl(self, chunks: Sequence[ChunkFigures]) -> None:
        """Show how far the chunks are."""
        ...

    def validation(self, level: str, done: int, total: int) -> None:
        """Show how many images have been looked at."""
        ...


def make_display(console: Console) -> Display:
    """Return bars where somebody sees them move, else lines."""
    return Bars(console) if console.is_terminal and not console.quiet else Lines(console)


class _SignColumn(ProgressColumn):
    """How the row's chunk stands, as one character."""

    def render(self, task: Task) -> Text:
        sign: Text = task.fields["sign"]
        return sign


class Bars:
    """One bar per chunk, and one for all of them where there are more than fit."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            _SignColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28, complete_style="cyan", finished_style="green", pulse_style="bright_black"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,
        )
        self._live = Live(console=console, transient=True, refresh_per_second=8)
        self._bars: dict[int, TaskID] = {}
        self._all: TaskID | None = None

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._live.is_started:
            self._live.update(Text())
            self._live.stop()

    def say(self, sentence: str) -> None:
        self._console.print(Text(sentence))

    def wait(self, sentence: str) -> None:
        self._show(Spinner("dots", Text(sentence), style="cyan"))

    def crawl(self, chunks: Sequence[ChunkFigures]) -> None:
        room = max(3, min(_MOST_BARS, self._console.height - _AROUND_BARS))
        if not self._bars:
            width = max((len(_label(chunk)) for chunk in chunks), default=0)
            for chunk in chunks:
                self._bars[chunk.id] = self._progress.add_task(
                    _label(chunk).ljust(min(width, 34))[:34], total=chunk.target, sign=_SIGNS[State.PENDING], note="",
                    start=False,
                )  # fmt: skip
            if len(chunks) > room:
                self._all = self._progress.add_task("chunks", total=len(chunks), sign=Text(" "), note="")
        shown = _most_interesting(chunks, room)
        for chunk in chunks:
            bar = self._bars[chunk.id]
            if chunk.status == State.RUNNING and self._progress.tasks[bar].start_time is None:
                self._progress.start_task(bar)
            self._progress.update(
                bar,
                # A source that had no more is as much at its end as one that gave everything.
                total=max(1, chunk.stored) if chunk.status == State.COMPLETED else chunk.target,
                completed=chunk.stored,
                visible=chunk.id in shown,
                sign=_SIGNS[chunk.status],
                note=_note(chunk),
            )
            if chunk.ended and self._progress.tasks[bar].start_time is not None:
                self._progress.stop_task(bar)
        if self._all is not None:
            self._progress.update(self._all, completed=sum(chunk.ended for chunk in chunks))
        self._show(self._progress)

    def validation(self, level: str, done: int, total: int) -> None:
        if self._all is None or self._progress.tasks[self._all].description != f"validating ({level})":
            for bar in self._bars.values():
                self._progress.update(bar, visible=False)
            if self._all is not None:
                self._progress.update(self._all, visible=False)
            self._all = self._progress.add_task(
                f"validating ({level})", total=total, sign=_SIGNS[State.RUNNING], note=""
            )
        self._progress.update(self._all, completed=done)
        self._show(self._progress)

    def _show(self, thing: RenderableType) -> None:
        self._live.start()
        self._live.update(thing, refresh=True)


class Lines:
    """A line when a chunk has ended, and now and then one that says how far all of them are."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ended: set[int] = set()
        self._said = time.monotonic()
        self._looked_at = -1

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def close(self) -> None:
        return None

    def say(self, sentence: str) -> None:
        self._line(sentence)

    def wait(self, sentence: str) -> None:
        self._line(sentence)

    def crawl(self, chunks: Sequence[ChunkFigures]) -> None:
        for chunk in chunks:
            if chunk.ended and chunk.id not in self._ended:
                self._ended.add(chunk.id)
                self._line(f"[{len(self._ended)}/{len(chunks)}] {_label(chunk)}: {_ending(chunk)}")
        if time.monotonic() - self._said >= _LINE_SECONDS:
            stored = counted(sum(chunk.stored for chunk in chunks), "image")
            self._line(f"… {stored} so far, {len(self._ended)} of {counted(len(chunks), 'chunk')} ended")

    def validation(self, level: str, done: int, total: int) -> None:
        if done == self._looked_at:
            return
        if done >= total or self._looked_at < 0 or time.monotonic() - self._said >= _LINE_SECONDS:
            self._looked_at = done
            self._line(f"validating ({level}): {done:,} of {counted(total, 'image')}")

    def _line(self, sentence: str) -> None:
        self._said = time.monotonic()
        self._console.print(Text(sentence), soft_wrap=True)


def _label(chunk: ChunkFigures) -> str:
    answered = "" if chunk.backend == chunk.engine else f" → {plain(chunk.backend)}"
    return f"{plain(chunk.query)} × {plain(chunk.engine)}{answered}"


def _note(chunk: ChunkFigures) -> str:
    parts = []
    if chunk.duplicates:
        parts.append(counted(chunk.duplicates, "duplicate"))
    if chunk.failed:
        parts.append(f"{sum(chunk.failed.values()):,} failed")
    if chunk.status == State.PENDING and chunk.error:
        parts.append("tried again soon")
    return ", ".join(parts)


def _ending(chunk: ChunkFigures) -> str:
    text = f"{chunk.stored:,} stored, {counted(chunk.duplicates, 'duplicate')}"
    if chunk.failed:
        text += f", {words(chunk.failed)}"
    if chunk.status != State.COMPLETED:
        text += f"; {chunk.status.value}"
        text += f": {plain(chunk.error)}" if chunk.error else ""
    return text


def _most_interesting(chunks: Sequence[ChunkFigures], room: int) -> set[int]:
    """Return the chunks to show: all where they fit, else those at work, the next to come and the last that ended."""
    if len(chunks) <= room:
        return {chunk.id for chunk in chunks}
    running = [chunk.id for chunk in chunks if chunk.status == State.RUNNING]
    waiting = [chunk.id for chunk in chunks if chunk.status == State.PENDING]
    ended = [chunk.id for chunk in chunks if chunk.ended]
    return set((running + waiting + ended[::-1])[:room])
