"""Making an installation ready to serve: its tables, and the first person who can sign in."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from pixtasks.accounts.models import LOCAL_EMAIL, User
from pixtasks.common.locks import file_lock

FIRST_EMAIL = "admin@example.com"
_MIGRATION_WAIT = 600.0  # Seconds another process may take for its migration.
_MIGRATION_LOCK = 0x70697874  # Any number, the same in every process: "pixt".


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the first staff user signs in, and the file that holds it."""

    email: str
    password: str
    path: Path


def migrate() -> None:
    """Bring the tables up to date; of several processes that call it at once one works and the others wait.

    Raises:
        LockHeld: another process has been migrating for ten minutes.
    """
    with file_lock(Path(settings.DATA_DIR) / "migrate.lock", wait=_MIGRATION_WAIT):
        if connection.vendor != "postgresql":
            call_command("migrate", interactive=False, verbosity=0)
            return
        # Installations with different data folders may share the server; the lock ends with the connection.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
            try:
                call_command("migrate", interactive=False, verbosity=0)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])


def first_sign_in() -> SignIn | None:
    """Return how the first staff user signs in, while that password is still in use.

    An installation without any staff user gets one, in the development profile only, with a random password. It is
    kept in ``first-sign-in.txt`` of the data folder, readable by its owner alone, so that it can be shown again; the
    database holds its hash. Once the password is changed or the file removed there is nothing to show.
    """
    if settings.PIXTASKS_PROFILE != "development":
        return None
    path = Path(settings.DATA_DIR) / "first-sign-in.txt"
    known = _read(path)
    if known is not None:
        user = User.objects.filter(email=known.email, is_active=True).first()
        if user is not None and user.check_password(known.password):
            return known
        path.unlink(missing_ok=True)
    return _create(path)


def _create(path: Path) -> SignIn | None:
    with file_lock(path.with_name("migrate.lock"), wait=_MIGRATION_WAIT), transaction.atomic():
        if User.objects.filter(is_staff=True).exclude(email=LOCAL_EMAIL).exists():
            return None
        if User.objects.filter(email=FIRST_EMAIL).exists():
            return None  # Somebody's ordinary account: it must not become an administrator's by a restart.
        sign_in = SignIn(email=FIRST_EMAIL, password=secrets.token_urlsafe(12), path=path)
        User.objects.create_superuser(sign_in.email, sign_in.password)
        # Inside the transaction: without the file nobody would know the password, so without it there is no user.
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(f"email: {sign_in.email}\npassword: {sign_in.password}\n")
        draft.replace(path)
    return sign_in


def _read(path: Path) -> SignIn | None:
    try:
        fields = dict(line.split(": ", 1) for line in path.read_text().splitlines())
        return SignIn(email=fields["email"], password=fields["password"], path=path)
    except (OSError, ValueError, KeyError):
        return None
