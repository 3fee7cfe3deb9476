"""``manage.py schedule_gather``: gather for a project by the clock."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from gather.services import schedules
from gather.services.plans import find_project
from gather.services.schedules import GatherSchedule
from jobs.models import Project
from pixtasks.common.commands import ShowingCommand
from pixtasks.common.errors import Conflict
from pixtasks.common.screen import as_json, plain
from pixtasks.common.times import wire_time
from tasktypes.management.base import facts_table, list_table

_GIVEN_TO_GATHER = ("cron", "count", "timezone", "save_interval", "stop_on_error", "keyword", "engine", "update")


class Command(ShowingCommand):
    """Creates, changes, pauses, removes and lists the schedules of gathers; never overwrites one unasked."""

    writes = True
    help = (
        "Gather for a project by the clock. Running it again with the same values changes nothing; a schedule that "
        "has other values, perhaps by somebody's edit in the console, is only changed with --update."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to do and when."""
        parser.add_argument("project", nargs="?", help="Slug or number of a project that is there.")
        parser.add_argument(
            "--cron", help="Five fields: minute, hour, day of month, month, day of week: '0 3 * * mon'."
        )
        parser.add_argument("--count", type=int, metavar="N", help="Iterations of each run, 1 to 100.")
        parser.add_argument("--timezone", metavar="ZONE", help="Of the five fields, such as Europe/Zurich (UTC).")
        parser.add_argument("--save-interval", type=int, metavar="N", help="Iterations between two saves, 1 to 50 (5).")
        parser.add_argument("--stop-on-error", action="store_true", help="A failing iteration ends the run.")
        parser.add_argument("--keyword", action="append", help="What to look for; may be given several times.")
        parser.add_argument("--engine", action="append", help="Where to look; may be given several times.")
        parser.add_argument("--name", help="Of the schedule (gather: SLUG); a second one of a project needs its own.")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--update", action="store_true", help="Bring a schedule that is there to these values.")
        what.add_argument("--pause", action="store_true", help="Stop it until --resume; a run under way goes on.")
        what.add_argument("--resume", action="store_true", help="Let it go on; what was missed is not made up for.")
        what.add_argument("--remove", action="store_true", help="Remove it; its runs stay.")
        what.add_argument("--list", action="store_true", help="Show the project's schedules, or all.")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Do it and show the schedule.

        Raises:
            CommandError: the project is not there, or the options do not go together.
        """
        if options["list"]:
            project = _project(options["project"]) if options["project"] else None
            return self._show_all(schedules.schedules(project), as_object=options["json"])
        verb = next((word for word in ("pause", "resume", "remove") if options[word]), None)
        if verb is not None:
            return self._one(verb, options)
        project = _project(options["project"])
        missing = [f"--{word}" for word in ("cron", "count") if options[word] is None]
        if missing:
            raise CommandError(f"Give {' and '.join(missing)}, or one of --pause, --resume, --remove and --list.")
        try:
            done = schedules.schedule_gather(
                project,
                cron=options["cron"],
                count=options["count"],
                options={
                    "saveInterval": options["save_interval"],
                    "errorRecovery": False if options["stop_on_error"] else None,
                    "keywords": options["keyword"],
                    "engines": options["engine"],
                },
                timezone=options["timezone"] or "UTC",
                name=options["name"],
                update=options["update"],
            )
        except Conflict as error:
            raise CommandError(
                plain(error.message).replace("ask for an update to change it", "--update does.")
            ) from error
        self._show(schedules.schedule_name(done.row), done.outcome, as_object=options["json"])
        return 0

    def _one(self, verb: str, options: dict[str, Any]) -> int:
        for word in _GIVEN_TO_GATHER:
            if options[word]:
                raise CommandError(f"--{word.replace('_', '-')} does not go with --{verb}.")
        name = options["name"] or schedules.default_name(_project(options["project"]))
        if verb == "remove":
            schedules.remove(name)
            if options["json"]:
                self.stdout.write(as_json({"name": name, "outcome": "removed"}))
            self.console.print(Text(f" {plain(name)}: removed; its runs stay"))
            return 0
        changed = (schedules.pause if verb == "pause" else schedules.resume)(name)
        self._show(name, f"{verb}d" if changed else "unchanged", as_object=options["json"])
        return 0

    def _show(self, name: str, outcome: str, *, as_object: bool) -> None:
        found = next(each for each in schedules.schedules() if name in (each.name, each.row.name))
        if as_object:
            self.stdout.write(as_json(_object(found) | {"outcome": outcome}))
            return
        self.console.print(Text(f" {plain(found.name)}: {outcome}{'' if found.row.enabled else ' (paused)'}"))
        table = facts_table()
        table.add_row("Project", Text(plain(found.project or "not there")))
        table.add_row("When", Text(plain(found.words)))
        table.add_row("Next", Text(_next(found)))
        table.add_row("Iterations", Text(str(found.parameters.get("gatherCount", ""))))
        table.add_row("Last", Text(plain(found.last)))
        self.console.print(table)

    def _show_all(self, found: list[GatherSchedule], *, as_object: bool) -> int:
        if as_object:
            self.stdout.write(as_json([_object(each) for each in found]))
            return 0
        if not found:
            self.console.print(Text(' No gather is scheduled; "manage.py schedule_gather PROJECT --cron …" does.'))
            return 0
        table = list_table("Name", "Project", "When", "Next", "Last")
        for each in found:
            project = each.project.slug if each.project else "not there"
            table.add_row(*(Text(plain(text)) for text in (each.name, project, each.words, _next(each), each.last)))
        self.console.print(table)
        return 0


def _project(text: str | None) -> Project:
    if text is None:
        raise CommandError("Say which project: its slug or its number.")
    project = find_project(text)
    if project is None:
        raise CommandError(
            f"There is no project {plain(text)!r}. Create it first: POST /api/v1/projects, or manage.py crawl."
        )
    return project


def _next(schedule: GatherSchedule) -> str:
    if not schedule.row.enabled:
        return "paused"
    return ", ".join(wire_time(moment) for moment in schedule.next_times) or "unknown"


def _object(schedule: GatherSchedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "project": schedule.project.slug if schedule.project else None,
        "owner": schedule.owner,
        "cron": schedule.cron.text if schedule.cron else None,
        "timezone": schedule.cron.timezone if schedule.cron else None,
        "words": schedule.words,
        "enabled": schedule.row.enabled,
        "next": [wire_time(moment) for moment in schedule.next_times],
        "parameters": schedule.parameters,
        "last": schedule.last,
    }
