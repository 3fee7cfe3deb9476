"""``manage.py restore``: a backup becomes this installation's data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from pixtasks.accounts.services.audit import audit
from pixtasks.backup.restoring import restore_backup
from pixtasks.common.checkup import Level
from pixtasks.common.commands import ShowingCommand
from pixtasks.common.screen import as_json, counted, plain, shown_path
from pixtasks.management.bars import steps
from pixtasks.management.commands.doctor import report_table


class Command(ShowingCommand):
    """Refuses rather than overwrites."""

    help = (
        "Verify a backup and put it into the data folder, which must be empty and not be served; then bring its tables "
        "up to date and examine it. Exit code 2: restored, but the examination found errors."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", metavar="DIR", type=Path, help='a folder that "manage.py backup" has made')
        parser.add_argument("--force", action="store_true", help="move what the data folder holds aside first")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Restore and say how the installation is.

        Raises:
            CommandError: the disk did not take it.
        """
        try:
            with steps(self.console) as report:
                restored = restore_backup(options["folder"], force=options["force"], progress=report)
        except OSError as error:
            raise CommandError(
                f"The backup was not restored: {error.strerror or error} ({plain(error.filename or '')}). Mend that "
                "and run it again, with --force where something was restored already."
            ) from error
        manifest, aside = restored.manifest, restored.aside
        detail = {"folder": str(options["folder"]), "made_at": manifest.made_at}
        audit("installation.restored", object_type="installation", detail=detail)
        if options["json"]:
            self.stdout.write(
                as_json(
                    {
                        "made_at": manifest.made_at,
                        "rows": sum(manifest.rows.values()),
                        "files": len(manifest.files),
                        "moved_aside": None if aside is None else str(aside),
                        "doctor": restored.report.as_dict(),
                    }
                )
            )
        else:
            self.console.print(report_table(restored.report))
            self.console.print(
                Text(
                    f" Restored as of {manifest.made_at}: {counted(sum(manifest.rows.values()), 'row')}, "
                    f'{counted(len(manifest.files), "file")}. "manage.py up" serves it.'
                )
            )
            if aside is not None:
                self.console.print(Text(f" What was there before lies in {shown_path(aside)}."))
        return 2 if restored.report.level == Level.ERROR else 0
