"""A plan at a terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.services.planner import JobPlan
from pixtasks.common.json import dump_json, load_json
from pixtasks.common.markup import duration
from pixtasks.common.screen import counted, plain, size


def plan_table(plan: JobPlan) -> RenderableType:
    """Return what a job would cost, engine by engine, and what speaks against it."""
    table = Table(box=None, pad_edge=False)
    for title in ("Engine", "Chunks", "Images", "Requests", "Disk", "Waits", "Takes on one worker"):
        table.add_column(title, justify="left" if title == "Engine" else "right")
    for one in plan.engines:
        low, high = one.seconds
        name = f"{one.engine} (tells no licences)" if one.licensed is False else one.engine
        table.add_row(
            Text(name), f"{one.chunks:,}", f"{one.images:,}", f"{one.requests:,}", size(one.bytes),
            duration(one.wait_seconds), f"{duration(low)} – {duration(high)}",
        )  # fmt: skip
    first, last = plan.finish
    cost = f"{counted(plan.chunks, 'chunk')}, up to {counted(plan.images, 'image')}"
    disk = f"at least {counted(plan.requests, 'request')}, {size(plan.bytes)} of {size(plan.free)} free"
    when = f"Done between {first:%Y-%m-%d %H:%M:%S} and {last:%Y-%m-%d %H:%M:%S} UTC"
    how = f"on {counted(plan.workers, 'worker')}; under the limits alone at {plan.earliest_finish:%H:%M:%S}"
    lines = [f"{cost}, {disk}", f"{when} {how}"]
    warnings = [Text(f"! {plain(warning)}", "yellow") for warning in plan.warnings]
    return Group(table, Text(), *map(Text, lines), *warnings, Text("Nothing was asked, made or changed.", "dim"))


def plan_object(plan: JobPlan) -> dict[str, Any]:
    """Return it as plain data."""
    value: dict[str, Any] = load_json(dump_json(asdict(plan)))
    return value
