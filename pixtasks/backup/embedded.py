"""Where the embedded profile keeps its data, and the refusal of every other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection

from jobs.fetch.storage import ImageStorage, images_storage
from pixtasks.common.errors import RuleViolation


class NotEmbedded(RuleViolation):
    """This installation is not the embedded profile."""


@dataclass(frozen=True, slots=True)
class Places:
    """The embedded profile's data.

    Args:
        data: the data folder.
        database: SQLite's file.
        images: the folder of the image storage.
        media: the folder of other files.
    """

    data: Path
    database: Path
    images: Path
    media: Path

    @property
    def secrets(self) -> Path:
        """The folder of the installation's own keys."""
        return self.data / "secrets"


def places() -> Places:
    """Return where this installation keeps its data.

    Raises:
        NotEmbedded: not in SQLite and a local folder; the sentence says what to use instead.
    """
    storage, other = images_storage(), storages["default"]
    if connection.vendor != "sqlite":
        raise NotEmbedded(
            "This installation keeps its rows in PostgreSQL, which has better tools: pg_dump for the database, then "
            "a copy of the image storage (the folder images of the data folder, or the bucket), in this order. "
            "docs/operations.md has the steps."
        )
    if not isinstance(storage, ImageStorage) or not isinstance(other, FileSystemStorage):
        raise NotEmbedded(
            "This installation keeps its files in another storage than a local folder. Copy the database with "
            "SQLite's .backup, then the storage with its own tools; docs/operations.md has the steps."
        )
    return Places(
        data=Path(settings.DATA_DIR),
        database=Path(str(connection.settings_dict["NAME"])),
        images=Path(storage.location),
        media=Path(other.location),
    )
