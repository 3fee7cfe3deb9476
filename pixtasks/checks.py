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

from pixtasks.common import crash_points

MIN_SECRET = 50
MIN_WEBHOOK_SECRET = 20
EXAMPLE_CONTACT = "https://example.com/contact"
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
    if crash_points.armed():
        yield Error(
            f"{crash_points.VARIABLE} is set: processes would end themselves in the middle of their work.",
            hint="It is for fault tests alone; take it out of the environment.",
            id="pixtasks.E010",
        )
    if settings.PIXTASKS_USER_AGENT_CONTACT.strip() in ("", EXAMPLE_CONTACT):
        yield Advice(
            "PIXTASKS_USER_AGENT_CONTACT is the example: owners of sites could not reach whoever crawls them.",
            hint="Set it to an address or a page of yours; every request carries it.",
            id="pixtasks.W003",
        )
    yield from _base_url_faults(settings.PIXTASKS_BASE_URL)
    yield from _neighbour_faults()
    yield from _folder_faults()


def _base_url_faults(base_url: str) -> Iterator[CheckMessage]:
    address = urlsplit(base_url)
    if address.scheme not in {"http", "https"} or not address.netloc:
        yield Error(
            "PIXTASKS_BASE_URL is missing or not an http(s) address.",
            hint="Set it to the address that clients call, such as https://tasks.example.com.",
            id="pixtasks.E007",
        )


def _is_web_address(url: str) -> bool:
    try:
        address = urlsplit(url)
        return address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:  # A port that is no number, an address with half a bracket.
        return False


def _neighbour_faults() -> Iterator[CheckMessage]:
    """Look at the addresses and secrets that this product shares with its neighbours (CONTRACT G33, G34)."""
    if not _is_web_address(settings.TASKS_API_URL):
        yield Error(
            "TASKS_API_URL is missing or not an http(s) address.",
            hint="Set it to where the task service answers, usually the value of PIXTASKS_BASE_URL.",
            id="pixtasks.E010",
        )
    if not settings.TASK_API_KEY:
        yield Error(
            "TASK_API_KEY is missing: clients of the task service would not be let in.",
            hint="Set it, or TASK_API_KEY_FILE, to an API key of this installation; before there is one, to any text.",
            id="pixtasks.E011",
        )
    if not _is_web_address(settings.NEXT_PUBLIC_APP_URL):
        yield Error(
            "NEXT_PUBLIC_APP_URL is missing or not an http(s) address.",
            hint="Set it to the address of the web application whose pages may call this API.",
            id="pixtasks.E012",
        )
    websocket_server = settings.WEBSOCKET_SERVER_URL
    if websocket_server and not _is_web_address(websocket_server):
        yield Error(
            "WEBSOCKET_SERVER_URL is not an http(s) address.",
            hint="Set it to the server's http address, such as http://localhost:3001, or leave it empty.",
            id="pixtasks.E014",
        )
    if websocket_server and not settings.INTERNAL_API_SECRET:
        yield Error(
            "WEBSOCKET_SERVER_URL is set without INTERNAL_API_SECRET: its server could not tell who sends to it.",
            hint="Set INTERNAL_API_SECRET, or INTERNAL_API_SECRET_FILE, to a secret that both sides know.",
            id="pixtasks.E015",
        )


@register(Tags.security)
def sites_are_heard(**_: Any) -> list[CheckMessage]:
    """Say, in every profile, what of the owners' wishes is ignored."""
    ignored = {
        "PIXTASKS_ROBOTS=ignore": settings.PIXTASKS_ROBOTS != "obey",
        "PIXTASKS_ROBOTS_TAG=false": not settings.PIXTASKS_ROBOTS_TAG,
        "PIXTASKS_TDM_RESERVATION=false": not settings.PIXTASKS_TDM_RESERVATION,
        "PIXTASKS_TDM_FILE=false": settings.PIXTASKS_TDM_RESERVATION and not settings.PIXTASKS_TDM_FILE,
    }
    return [
        Advice(
            f"{name}: what the owners of sites ask for is ignored.",
            hint="That is for sites of your own; take it out of the environment to crawl others.",
            id="pixtasks.W004",
        )
        for name, yes in ignored.items()
        if yes
    ]


@register(Tags.security, deploy=True)
def progress_can_be_signed(**_: Any) -> list[CheckMessage]:
    """Say in ``check --deploy`` what the progress webhook lacks (CONTRACT X47).

    It does not keep the product from starting: the secret is optional, and without it that one route answers 503.
    """
    return list(_signing_faults()) if settings.PIXTASKS_PROFILE == "production" else []


def _signing_faults() -> Iterator[CheckMessage]:
    if not settings.WEBHOOK_SECRET:
        yield Error(
            "WEBHOOK_SECRET is missing: the progress webhook answers every request with 503.",
            hint="Set it, or WEBHOOK_SECRET_FILE, to a random text that the senders of progress know.",
            id="pixtasks.E013",
        )
    secrets = {"WEBHOOK_SECRET": settings.WEBHOOK_SECRET, "WEBHOOK_SECRET_PREVIOUS": settings.WEBHOOK_SECRET_PREVIOUS}
    for name, secret in secrets.items():
        if secret and len(secret) < MIN_WEBHOOK_SECRET:
            yield Advice(
                f"{name} is shorter than {MIN_WEBHOOK_SECRET} characters and may be guessed.",
                hint="Take a random text, such as: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'.",
                id="pixtasks.W002",
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
