"""``manage.py opt_out``: put something on the opt-out list, take it off, show the list, import one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from jobs.management.base import JobsCommand
from jobs.management.workers import somebody_works
from jobs.models import OptOut, OptOutKind
from jobs.services.opt_outs import (
    add_opt_out,
    import_opt_outs,
    kind_of,
    mark_of,
    normalised,
    opt_out_by_id,
    opt_outs,
    remove_opt_out,
)
from pixtasks.common.screen import as_json, counted, plain

_SHOWN = 1000


class Command(JobsCommand):
    """Leaves the removing to the workers."""

    writes = True
    help = "Keep the opt-out list: what is not fetched, and is removed where it was stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("action", choices=("add", "remove", "list", "import"), help="what to do")
        parser.add_argument(
            "value",
            nargs="?",
            default="",
            help="add, remove: the domain, address, sha256 or perceptual hash (remove takes an id, too); "
            'import: a file of lines "[kind] value [reason]", - is the standard input; list: a part of the values',
        )
        parser.add_argument(
            "--kind", choices=OptOutKind.values, help="what the value is; guessed where it is not given"
        )
        parser.add_argument("--reason", default="", help="why: who asked, which ticket")
        parser.add_argument("--distance", type=int, help="of look-alikes: how many bits may differ")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Do it; return the exit code."""
        action, value = options["action"], options["value"]
        if action != "list" and not value:
            raise CommandError(f'"opt_out {action}" needs a value; "manage.py help opt_out" says which.')
        if action == "list":
            return self._list(options)
        if action == "import":
            return self._import(options)
        if action == "remove":
            entry = self._entry(options)
            remove_opt_out(entry)
            self._say(options, {"removed": _facts(entry)}, f"{entry.kind} {plain(entry.value)} may be fetched again.")
            return 0
        entry = add_opt_out(
            kind=options["kind"] or kind_of(value),
            value=value,
            reason=options["reason"],
            distance=options["distance"],
        )
        self._say(
            options,
            {"added": _facts(entry)},
            f"{entry.kind} {plain(entry.value)} is not fetched any more (entry {entry.pk}); what is stored is removed.",
        )
        self._workers()
        return 0

    def _entry(self, options: dict[str, Any]) -> OptOut:
        value = options["value"]
        if value.isascii() and value.isdecimal() and options["kind"] is None and len(value) < 19:
            return opt_out_by_id(int(value))
        kind = options["kind"] or kind_of(value)
        found = opt_outs(kind=kind).filter(mark=mark_of(kind, normalised(kind, value))).first()
        if found is None:
            raise CommandError(f'{plain(value)!r} is not on the list as {kind}; "manage.py opt_out list" shows it.')
        return found

    def _import(self, options: dict[str, Any]) -> int:
        try:
            text = sys.stdin.read() if options["value"] == "-" else Path(options["value"]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{plain(options['value'])} cannot be read: {error}") from error
        done = import_opt_outs(text.splitlines(), reason=options["reason"])
        facts = {"added": done.added, "known": done.known, "faults": done.faults}
        self._say(options, facts, f"{counted(done.added, 'entry', 'entries')} added, {done.known} known before.")
        for fault in done.faults:
            self.console.print(Text(plain(fault), "red"), soft_wrap=True)
        if done.added:
            self._workers()
        return 1 if done.faults else 0

    def _list(self, options: dict[str, Any]) -> int:
        entries = opt_outs(kind=options["kind"], search=options["value"])
        if options["json"]:
            self.stdout.write(as_json([_facts(entry) for entry in entries.iterator()]))
            return 0
        shown = list(entries[:_SHOWN])
        for entry in shown:
            line = f"{entry.pk:>6}  {entry.kind:<10}  {plain(entry.value)}"
            told = f"  {plain(entry.reason)}" if entry.reason else ""
            self.console.print(
                Text(f"{line}  ({counted(entry.removed_images, 'image')} removed){told}"), soft_wrap=True
            )
        left = entries.count() - len(shown)
        if left or not shown:
            self.console.print(Text(f"and {left} more; --json shows all" if left else "The opt-out list is empty."))
        return 0

    def _say(self, options: dict[str, Any], facts: dict[str, Any], sentence: str) -> None:
        if options["json"]:
            self.stdout.write(as_json(facts))
        else:
            self.console.print(Text(sentence), soft_wrap=True)

    def _workers(self) -> None:
        if not somebody_works():
            self.console.print(
                Text('No worker was heard of lately: images go as soon as "manage.py up" (make run) runs.', "yellow"),
                soft_wrap=True,
            )


def _facts(entry: OptOut) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "kind": entry.kind,
        "value": entry.value,
        "distance": entry.distance,
        "reason": entry.reason,
        "removed_images": entry.removed_images,
    }
