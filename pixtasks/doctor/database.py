"""The database: is it there, up to date, whole, and does its clock agree with ours?"""

from __future__ import annotations

import os
from pathlib import Path

from django.core import checks as django_checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from pixtasks.common.checkup import Check, Finding, error, ok, register, warning
from pixtasks.common.screen import counted, size
from pixtasks.common.sql import database_now
from pixtasks.doctor.examination import DATABASE, MIGRATIONS

LARGE_WAL = 256_000_000
"""Bytes; a checkpoint keeps it at about 4 MB while nobody reads for long."""
SKEW_WARNING = 2.0
SKEW_ERROR = 30.0
_NAMED = 5


@register
class SettingsCheck(Check):
    """The settings."""

    name = "settings"
    title = "Settings"
    place = 0
    needs_database = False

    def examine(self, *, deep: bool) -> Finding:
        """Ask Django's own checks and the product's, as every start does."""
        messages = [message for message in django_checks.run_checks() if not message.is_silenced()]
        serious = [message for message in messages if message.is_serious()]
        texts = "; ".join(f"{message.msg} {message.hint or ''}".strip() for message in (serious or messages)[:_NAMED])
        if serious:
            return error(f'{texts} ("manage.py check" shows all.)')
        return warning(texts) if messages else ok("The settings pass all checks.")


@register
class DatabaseCheck(Check):
    """The connection."""

    name = DATABASE
    title = "Database"
    place = 10
    needs_database = False

    def examine(self, *, deep: bool) -> Finding:
        """Connect and ask something."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            shown = _connections()
        except DatabaseError as fault:
            return error(
                f"The database does not answer: {' '.join(str(fault).split())}. Start it, or correct DATABASE_URL.",
                vendor=connection.vendor,
            )
        return shown


def _connections() -> Finding:
    if connection.vendor != "postgresql":
        return ok("SQLite answers.", vendor=connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity "
            "WHERE backend_type = 'client backend'"
        )
        used, most = cursor.fetchone()
    facts = {"vendor": connection.vendor, "connections": used, "max_connections": most}
    if used > 0.9 * most:
        return warning(
            f"PostgreSQL answers, but {used} of its {most} connections are in use. "
            "Raise max_connections, or put PgBouncer before it.",
            **facts,
        )
    return ok(f"PostgreSQL answers; {used} of {most} connections are in use.", **facts)


@register
class MigrationsCheck(Check):
    """The tables."""

    name = MIGRATIONS
    title = "Migrations"
    place = 13

    def examine(self, *, deep: bool) -> Finding:
        """Compare the migrations of the code with those of the database."""
        executor = MigrationExecutor(connection)
        missing = [
            f"{migration.app_label}.{migration.name}"
            for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())
        ]
        if missing:
            return error(
                f"{counted(len(missing), 'migration')} of this version {_is(missing)} not applied "
                f'({_some(missing)}): run "manage.py migrate".',
                missing=missing,
            )
        known = executor.loader.disk_migrations
        apps = {app for app, _ in known}
        foreign = sorted(
            f"{app}.{name}"
            for app, name in executor.loader.applied_migrations
            if app in apps and (app, name) not in known and not _replaced(executor, app, name)
        )
        if foreign:
            return warning(
                f"The database has {counted(len(foreign), 'migration')} that this version does not know "
                f"({_some(foreign)}): a newer version was here. Run that version, or migrate back with it.",
                foreign=foreign,
            )
        return ok("All migrations are applied.")


def _replaced(executor: MigrationExecutor, app: str, name: str) -> bool:
    return any((app, name) in migration.replaces for migration in executor.loader.disk_migrations.values())


def _is(things: list[str]) -> str:
    return "is" if len(things) == 1 else "are"


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


@register
class IntegrityCheck(Check):
    """The file of SQLite."""

    name = "integrity"
    title = "Database file"
    place = 11

    def examine(self, *, deep: bool) -> Finding:
        """Ask SQLite whether its file is whole, and look at the size of its log."""
        if connection.vendor != "sqlite":
            return ok("PostgreSQL looks after its own files.")
        pragma = "integrity_check" if deep else "quick_check"
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {pragma}({_NAMED})")
            faults = [row[0] for row in cursor.fetchall() if row[0] != "ok"]
            if deep and not faults:
                cursor.execute("PRAGMA foreign_key_check")
                faults = [f"{table} {rowid} points to no row of {parent}" for table, rowid, parent, _ in cursor]
        if faults:
            return error(
                f"SQLite's {pragma} found: {_some(faults)}. Stop the product and restore the latest backup "
                '("manage.py restore").',
                faults=faults[:_NAMED],
            )
        log = _log_size()
        if log > LARGE_WAL:
            return warning(
                f"SQLite's log has grown to {size(log)}: something reads for very long. Stop what reads, then "
                '"manage.py doctor --fix" shortens it.',
                wal_bytes=log,
            )
        return ok(f"The file is whole ({pragma}); its log has {size(log)}.", wal_bytes=log)

    def mend(self, *, deep: bool) -> list[str]:
        """Write the log into the file and shorten it."""
        before = _log_size()
        if connection.vendor != "sqlite" or before <= LARGE_WAL:
            return []
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return [f"SQLite's log was shortened from {size(before)} to {size(_log_size())}."]


def _log_size() -> int:
    try:
        return os.stat(f"{connection.settings_dict['NAME']}-wal").st_size
    except FileNotFoundError:
        return 0


@register
class ClockCheck(Check):
    """The clocks."""

    name = "clock"
    title = "Clock"
    place = 12

    def examine(self, *, deep: bool) -> Finding:
        """Compare the database's clock, which leases go by, with this machine's, which tokens go by."""
        before = timezone.now()
        theirs = database_now()
        after = timezone.now()
        # The answer lies between the two readings: what is beyond them is skew.
        skew = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
        if skew <= SKEW_WARNING:
            return ok("The clocks of this machine and of the database agree.", skew_seconds=round(skew, 3))
        finding = error if skew > SKEW_ERROR else warning
        return finding(
            f"The clocks of this machine and of the database differ by {skew:.1f} s. Leases and schedules go by the "
            "database's, sign-in by this machine's: have both follow a time server (NTP).",
            skew_seconds=round(skew, 3),
        )


def database_file() -> Path:
    """Return the file of SQLite."""
    return Path(str(connection.settings_dict["NAME"]))
