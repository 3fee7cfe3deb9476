"""System checks that refuse an unsafe start of the production profile."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import ERROR, CheckMessage, Error, Tags, register
from django.core.checks import Warning as Advice
from django.core.exceptions import ImproperlyConfigured

MIN_SECRET = 50
_NO_SERVICE = "SQLite and the filesystem broker lose what several processes write at once."


def refuse_unsafe_start() -> None:
    """Return where the settings are safe to serve with; web servers call this, because they run no system checks.

    Raises:
        ImproperlyConfigured: the production profile has faults; the text lists them all.
    """
    faults = [message for message in production_is_safe() if message.level >= ERROR]
    if faults:
        lines = [f"{fault.msg} {fault.hint or ''} ({fault.id})" for fault in faults]
        raise ImproperlyConfigured("The production profile does not start like this:\n- " + "\n- ".join(lines))


@register(Tags.security)
def production_is_safe(**_: Any) -> list[CheckMessage]:
    """Return what must be mended before the production profile may start; nothing in development."""
    return list(_faults()) if settings.PIXTASKS_PROFILE == "production" else []


def _faults() -> Iterator[CheckMessage]:
    try:
        secret = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django's own way of saying that it is empty.
        secret = ""
    if len(secret) < MIN_SECRET or len(set(secret)) < 5:
        yield Error(
            f"PIXTASKS_SECRET_KEY is missing or shorter than {MIN_SECRET} characters.",
            hint="Set it, or PIXTASKS_SECRET_KEY_FILE, to a random text; every process needs the same.",
            id="pixtasks.E001",
        )
    if len(str(settings.SIMPLE_JWT.get("SIGNING_KEY") or "").encode()) < 32:
        yield Error(
            "The signing key of access tokens is shorter than 32 bytes.",
            hint="Set PIXTASKS_JWT_KEY, or PIXTASKS_JWT_KEY_FILE, to a random text.",
            id="pixtasks.E002",
        )
    if not settings.ALLOWED_HOSTS:
        yield Error(
            "PIXTASKS_ALLOWED_HOSTS is empty: no request would be answered.",
            hint="Name the hosts that clients call, separated by commas.",
            id="pixtasks.E003",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Advice(
            "PIXTASKS_ALLOWED_HOSTS allows every Host header.",
            hint="Name the hosts that clients call.",
            id="pixtasks.W001",
        )
    if settings.PIXTASKS_ANONYMOUS_API:
        yield Error(
            "PIXTASKS_ANONYMOUS_API is on: everybody who reaches the server would act as staff.",
            hint="Leave it off in production and give callers API keys.",
            id="pixtasks.E004",
        )
    if str(settings.DATABASES["default"]["ENGINE"]).endswith("sqlite3"):
        yield Error(
            f"The database is SQLite. {_NO_SERVICE}",
            hint="Set DATABASE_URL to postgresql://user:password@host:5432/name.",
            id="pixtasks.E005",
        )
    if str(settings.CELERY.get("broker_url", "")).startswith("filesystem"):
        yield Error(
            f"The broker is the file system. {_NO_SERVICE}",
            hint="Set REDIS_URL to redis://host:6379/0.",
            id="pixtasks.E006",
        )
    yield from _base_url_faults(settings.PIXTASKS_BASE_URL)
    yield from _folder_faults()


def _base_url_faults(base_url: str) -> Iterator[CheckMessage]:
    address = urlsplit(base_url)
    if address.scheme not in {"http", "https"} or not address.netloc:
        yield Error(
            "PIXTASKS_BASE_URL is missing or not an http(s) address.",
            hint="Set it to the address that clients call, such as https://tasks.example.com.",
            id="pixtasks.E007",
        )


def _folder_faults() -> Iterator[CheckMessage]:
    folder = settings.DATA_DIR
    try:
        mode = os.stat(folder).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        yield Error(f"The data folder cannot be read: {error.strerror}.", id="pixtasks.E009")
        return
    if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IXOTH):
        yield Error(
            "The data folder is open to every user of this machine.",
            hint="Take the rights of others away: chmod o-rwx, on the folder that PIXTASKS_DATA_DIR names.",
            id="pixtasks.E008",
        )
