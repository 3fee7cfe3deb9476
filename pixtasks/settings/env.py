"""Readers of the environment that fail loudly, name the variable and say what to do.

Every value may also come from a file: ``NAME_FILE=/run/secrets/name`` is read where ``NAME`` is not set.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """Return the variable ``name``, or the content of the file that ``name_FILE`` points to."""
    if name in os.environ:
        return os.environ[name]
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
    return default


def flag(name: str, default: bool) -> bool:
    """Return a strict boolean: 1/true/yes/on or 0/false/no/off."""
    raw = text(name, "1" if default else "0").strip().lower()
    if raw in _TRUE or raw in _FALSE:
        return raw in _TRUE
    raise ImproperlyConfigured(f"{name} must be one of true, false, 1, 0, yes, no, on, off, not {raw!r}")


def number(name: str, default: int, *, minimum: int = 0) -> int:
    """Return an integer of at least ``minimum``."""
    raw = text(name, str(default)).strip()
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}") from None
    if value < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {value}")
    return value


def decimal(name: str, default: float, *, minimum: float = 0.0) -> float:
    """Return a number of at least ``minimum``."""
    raw = text(name, str(default)).strip()
    try:
        value = float(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {raw!r}") from None
    if value < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {value}")
    return value


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words."""
    raw = text(name, default).strip().lower()
    if raw not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}, not {raw!r}")
    return raw


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return a comma-separated list, blanks dropped."""
    raw = text(name, ",".join(default))
    return [word.strip() for word in raw.split(",") if word.strip()]


def origin(url: str) -> str:
    """Return scheme, host and port of an address, as browsers send them in ``Origin``; empty where there is none."""
    parts = urlsplit(url.strip())
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme and parts.netloc else ""


def mapping(name: str, default: dict[str, str]) -> dict[str, str]:
    """Return ``a=b,c=d`` as a dictionary; set to an empty string it is empty."""
    if name not in os.environ and f"{name}_FILE" not in os.environ:
        return dict(default)
    pairs = {}
    for word in words(name):
        key, sign, value = word.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise ImproperlyConfigured(f"{name} must look like name=value,name=value; {word!r} does not")
        pairs[key.strip()] = value.strip()
    return pairs


def database(url: str) -> dict[str, object]:
    """Return Django's settings of a database URL (``postgresql://…`` or ``sqlite:///…``).

    SQLite gets WAL and IMMEDIATE transactions: with the defaults, concurrent writers saw
    "database is locked"; with these none did.
    """
    config: dict[str, object] = dict(environ.Env.db_url_config(url))
    engine = str(config.get("ENGINE", ""))
    if engine.endswith("sqlite3"):
        config["OPTIONS"] = {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
        }
    elif engine.endswith("postgresql"):
        config["CONN_MAX_AGE"] = 60
        config["CONN_HEALTH_CHECKS"] = True
        options = config.setdefault("OPTIONS", {})
        assert isinstance(options, dict)
        options.setdefault("connect_timeout", 5)
    else:
        scheme = urlsplit(url).scheme
        raise ImproperlyConfigured(
            f"DATABASE_URL: {unquote(scheme)!r} is not supported; use postgresql://… or sqlite:///path"
        )
    return config
