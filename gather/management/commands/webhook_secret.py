"""``manage.py webhook_secret``: show what senders of progress sign with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Prints the secret alone on stdout, so that ``SECRET=$(manage.py webhook_secret)`` works."""

    help = "Print the secret that signs incoming progress; where it comes from goes to standard error."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it.

        Raises:
            CommandError: there is none.
        """
        secret = settings.WEBHOOK_SECRET
        if not secret:
            raise CommandError("There is no secret. Set WEBHOOK_SECRET, or WEBHOOK_SECRET_FILE, to a random text.")
        path = Path(settings.DATA_DIR) / "secrets" / "webhook"
        made_here = path.exists() and path.read_text().strip() == secret
        self.stderr.write(
            f"It was made at the first start and lies in {path}." if made_here else "It is WEBHOOK_SECRET."
        )
        self.stdout.write(secret)
