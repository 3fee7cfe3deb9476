"""A job's figures as tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jobs.models import JobStatus
from jobs.services.meanings import issue_meaning, outcome_meaning
from jobs.terminal.figures import ChunkFigures, JobFigures, ValidationFigures
from pixtasks.common.screen import counted, plain, size, words
from tasktypes.states import State

STATUS_STYLES = {
    JobStatus.PENDING: "dim",
    JobStatus.RUNNING: "cyan",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "yellow",
}


def job_summary(figures: JobFigures) -> RenderableType:
    """Return everything that is to be said of a job."""
    return Group(*_parts(figures))


def headline(figures: JobFigures) -> Text:
    """Return "Job 3 completed: 360 images in 18.4 s, 19.6 per second"."""
    line = Text.assemble(
        f"Job {figures.job.pk} ", (figures.status.value, f"bold {STATUS_STYLES[figures.status]}"), ": "
    )
    line.append(counted(figures.stored, "image"), "bold")
    if figures.seconds:
        line.append(f" in {figures.seconds:.1f} s, {figures.images_per_second:.1f} per second")
    if figures.job.quarantined_images:
        line.append(f" · {figures.job.quarantined_images:,} in quarantine", "yellow")
    line.append(f" · {size(figures.bytes)} · project {plain(figures.job.project.slug)}")
    return line


def crawl_table(figures: JobFigures) -> Table:
    """Return keywords × engines: what was found, stored and not stored, and what validation says."""
    validated = figures.validation is not None
    table = _table("Crawl", footer=True)
    failed = figures.failed
    verdicts = list(figures.verdicts.values())
    table.add_column("Keyword", "Total", overflow="fold", max_width=24)
    table.add_column("Engine", "", overflow="fold", max_width=28)
    _number(table, "Found", figures.found)
    _number(table, "Stored", figures.stored)
    _number(table, "Dupl.", figures.duplicates)
    table.add_column("Failed by class", f"{sum(failed.values()):,}" if failed else "", ratio=1)
    if validated:
        _number(table, "Valid", sum(valid for valid, _ in verdicts))
        _number(table, "Invalid", sum(invalid for _, invalid in verdicts))
    previous: ChunkFigures | None = None
    for chunk in figures.chunks:
        first = previous is None or previous.query != chunk.query
        if first and previous is not None:
            table.add_section()
        valid, invalid = figures.verdicts.get(chunk.id, (0, 0))
        cells: list[RenderableType] = [
            Text(plain(chunk.query) if first else ""),
            engine_name(chunk),
            _count(chunk.found),
            _count(chunk.stored, "green"),
            _count(chunk.duplicates),
            _not_stored(chunk),
        ]
        if validated:
            cells += [_count(valid), _count(invalid, "yellow")]
        table.add_row(*cells)
        previous = chunk
    return table


def class_table(failed: dict[str, int]) -> Table:
    """Return why candidates did not become images, the most frequent first."""
    table = _table("Not stored")
    table.add_column("Class", no_wrap=True)
    table.add_column("Files", justify="right", no_wrap=True)
    table.add_column("Meaning", ratio=1)
    for name, number in sorted(failed.items(), key=lambda pair: (-pair[1], pair[0])):
        table.add_row(Text(plain(name)), f"{number:,}", Text(outcome_meaning(name), "dim"))
    return table


def issue_table(validation: ValidationFigures) -> Table:
    """Return what validation found, the issues that make an image invalid first."""
    table = _table(f"Validation ({', '.join(validation.levels)})")
    table.add_column("Issue", no_wrap=True)
    table.add_column("Images", justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Meaning", ratio=1)
    ordered = sorted(validation.issues.items(), key=lambda pair: (pair[0] in validation.remarks, -pair[1], pair[0]))
    previous: bool | None = None
    for kind, number in ordered:
        remark = kind in validation.remarks
        if previous is not None and previous != remark:
            table.add_section()
        verdict = Text("valid", "dim") if remark else Text("invalid", "yellow")
        table.add_row(Text(kind), f"{number:,}", verdict, Text(issue_meaning(kind), "dim"))
        previous = remark
    return table


def verdict_line(validation: ValidationFigures) -> Text:
    """Return "Validation: 340 valid, 20 invalid of 360 images in 2.0 s"."""
    line = Text("Validation: ")
    line.append(f"{validation.valid:,} valid", "green")
    line.append(", ")
    line.append(f"{validation.invalid:,} invalid", "yellow" if validation.invalid else "")
    if validation.unchecked:
        line.append(f", {validation.unchecked:,} not looked at")
    line.append(f" of {counted(validation.images, 'image')}")
    if validation.seconds is not None:
        line.append(f" in {validation.seconds:.1f} s")
    return line


def engine_name(chunk: ChunkFigures) -> Text:
    """Return the engine asked for, and the one that answered where that is another (CONTRACT X61)."""
    name = Text(plain(chunk.engine))
    if chunk.backend != chunk.engine:
        name.append(f" → {plain(chunk.backend)}", "dim")
    return name


def backend_note(chunks: list[ChunkFigures]) -> Text | None:
    """Return which engines were answered by another one, in words; None where each answered itself."""
    aliases: dict[str, list[str]] = {}
    for chunk in chunks:
        if chunk.backend != chunk.engine and chunk.engine not in aliases.setdefault(chunk.backend, []):
            aliases[chunk.backend].append(chunk.engine)
    if not aliases:
        return None
    parts = [
        f"{plain(' and '.join(names))} {'is' if len(names) == 1 else 'are'} answered by the engine {plain(backend)}"
        for backend, names in aliases.items()
    ]
    return Text(f"→ {'; '.join(parts)} here (PIXTASKS_ENGINE_ALIASES).", "dim")


def _parts(figures: JobFigures) -> Iterator[RenderableType]:
    yield Padding(headline(figures), (0, 1))
    if figures.chunks:
        yield Text()
        yield crawl_table(figures)
        note = backend_note(figures.chunks)
        if note is not None:
            yield Padding(note, (0, 1))
    if figures.failed:
        yield Text()
        yield class_table(figures.failed)
    if figures.validation is not None:
        yield Text()
        if figures.validation.issues:
            yield issue_table(figures.validation)
        yield Padding(verdict_line(figures.validation), (0, 1))


def _table(title: str, *, footer: bool = False) -> Table:
    return Table(
        title=Text(f" {title}", "bold"),
        title_justify="left",
        box=box.HORIZONTALS,
        padding=(0, 1, 0, 0),
        border_style="bright_black",
        header_style="bold",
        footer_style="bold",
        show_footer=footer,
        expand=True,
    )


def _number(table: Table, header: str, total: int) -> None:
    table.add_column(header, f"{total:,}", justify="right", no_wrap=True)


def _count(number: int, style: str = "") -> Text:
    return Text(f"{number:,}", style) if number else Text("·", "dim")


def _not_stored(chunk: ChunkFigures) -> Text:
    text = Text(words(chunk.failed))
    if chunk.status == State.COMPLETED:
        return text
    if chunk.failed:
        text.append("; ")
    text.append(chunk.status.value, "red" if chunk.status == State.FAILED else "yellow")
    if chunk.error:
        text.append(f": {plain(chunk.error)[:200]}")
    return text
