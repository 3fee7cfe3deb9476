"""``manage.py engine``: which engines there are and how they are; pause one, resume it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.table import Table
from rich.text import Text

from jobs.management.base import JobsCommand
from jobs.services.engine_list import EngineFacts, engine_list, engine_named
from jobs.services.engine_state import pause_engine, resume_engine
from pixtasks.common.errors import NotFound
from pixtasks.common.screen import as_json, plain
from pixtasks.common.times import wire_time


class Command(JobsCommand):
    """An operator's pause holds for all workers, and what waits behind it costs nothing."""

    help = "List the engines and how they are, or pause or resume one for all workers."
    writes = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("verb", choices=("list", "pause", "resume"), help="list, pause or resume")
        parser.add_argument("name", nargs="?", help="the engine's name or an alias of it; not with list")
        parser.add_argument("--minutes", type=float, help="pause for so long; without it until it is resumed")
        parser.add_argument("--reason", default="", help="why it is paused, shown to users")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Do it; return the exit code."""
        verb, name = options["verb"], options["name"]
        if verb == "list":
            self._show(engine_list() if name is None else [_engine(name)], as_object=options["json"])
            return 0
        if name is None:
            raise CommandError(f"Say which engine: engine {verb} NAME.")
        backend = _engine(name).backend
        if not backend:
            raise CommandError(f"No engine answers for {plain(name)} here; there is nothing to {verb}.")
        minutes = options["minutes"]
        if verb == "pause":
            if minutes is not None and not 0 < minutes <= 60 * 24 * 365:
                raise CommandError("--minutes: give a number above 0, a year at most.")
            pause_engine(backend, seconds=None if minutes is None else minutes * 60, reason=options["reason"])
        else:
            resume_engine(backend)
        self._show([_engine(backend)], as_object=options["json"])
        return 0

    def _show(self, engines: list[EngineFacts], *, as_object: bool) -> None:
        if as_object:
            self.stdout.write(as_json({"engines": [_object(one) for one in engines]}))
            return
        table = Table(box=None, pad_edge=False)
        for title in ("Engine", "State", "Next try", "About"):
            table.add_column(title, overflow="fold")
        for one in engines:
            state = one.standing.condition.word if one.usable else "not set up"
            until = f"{one.standing.until:%Y-%m-%d %H:%M:%S} UTC" if one.standing.until else ""
            about = one.standing.reason or (f"Set {', '.join(one.missing)}." if one.missing else one.description)
            table.add_row(Text(one.name), Text(state), Text(until), Text(plain(about)))
        self.console.print(table)


def _engine(name: str) -> EngineFacts:
    try:
        return engine_named(name)
    except NotFound:
        known = ", ".join(one.name for one in engine_list())
        raise CommandError(f"There is no engine {plain(name)}. Known engines: {known}.") from None


def _object(facts: EngineFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "backend": facts.backend,
        "missing": list(facts.missing),
        "state": facts.standing.condition.value,
        "reason": facts.standing.reason,
        "next_try": wire_time(facts.standing.until),
        "paused_by_operator": facts.standing.held,
    }
