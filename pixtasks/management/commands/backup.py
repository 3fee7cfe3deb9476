"""``manage.py backup``: the embedded profile in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from pixtasks.accounts.services.audit import audit
from pixtasks.backup.making import Made, make_backup
from pixtasks.backup.manifest import Unreadable
from pixtasks.common.commands import ShowingCommand
from pixtasks.common.screen import as_json, counted, plain, shown_path, size
from pixtasks.management.bars import steps

_NAMED = 5


class Command(ShowingCommand):
    """Copies, and changes nothing; it may run beside everything else."""

    writes = True
    help = (
        "Back up database, image files and keys of the embedded profile into a folder, consistent while the product "
        "runs. Exit code 1: the backup was made, but image files were missing or damaged already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", metavar="DIR", type=Path, help="a folder that does not exist yet, or is empty")
        parser.add_argument(
            "--from", dest="previous", metavar="PREVIOUS", type=Path,
            help="an earlier backup: images that it has are linked to, not copied again",
        )  # fmt: skip
        parser.add_argument(
            "--copy", action="store_true",
            help="copy image files even where links to the installation's own would do (the same file system)",
        )  # fmt: skip
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Make the backup and say what it holds.

        Raises:
            CommandError: the disk did not take it.
        """
        try:
            with steps(self.console) as report:
                made = make_backup(
                    options["folder"], previous=options["previous"], copy=options["copy"], progress=report
                )
        except Unreadable as error:
            raise CommandError(f"The backup was not made: a file cannot be read ({plain(error)}).") from error
        except OSError as error:
            raise CommandError(
                f"The backup was not made: {error.strerror or error} ({plain(error.filename or options['folder'])})."
            ) from error
        detail = {"folder": str(made.folder), "files": len(made.manifest.files), "missing": len(made.manifest.missing)}
        audit("installation.backed_up", object_type="installation", detail=detail)
        if options["json"]:
            self.stdout.write(as_json(_as_dict(made)))
        else:
            self._show(made)
        return 1 if made.manifest.missing else 0

    def _show(self, made: Made) -> None:
        manifest = made.manifest
        self.console.print(
            Text(
                f" {shown_path(made.folder)}: {counted(sum(manifest.rows.values()), 'row')}, "
                f"{counted(len(manifest.files), 'file')} ({size(manifest.bytes)}; {made.copied:,} copied, "
                f"{made.linked:,} linked)."
            )
        )
        if manifest.missing:
            names = ", ".join(f"{digest[:12]}… ({why})" for digest, why in list(manifest.missing.items())[:_NAMED])
            self.console.print(
                Text(
                    f" {counted(len(manifest.missing), 'image file')} could not be taken, because they are not as "
                    f'stored: {plain(names)}. "manage.py doctor --deep" lists them all.',
                    "yellow",
                )
            )


def _as_dict(made: Made) -> dict[str, Any]:
    return {
        "folder": str(made.folder),
        "made_at": made.manifest.made_at,
        "rows": sum(made.manifest.rows.values()),
        "files": len(made.manifest.files),
        "bytes": made.manifest.bytes,
        "copied": made.copied,
        "linked": made.linked,
        "missing": made.manifest.missing,
    }
