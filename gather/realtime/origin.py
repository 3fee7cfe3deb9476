"""Which pages may listen. A browser lends its cookies, and this machine's address, to every page that asks."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def headers_of(scope: Mapping[str, object]) -> dict[str, str]:
    """Return the headers of a connection by lower-case name; of a repeated one the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}  # type: ignore[attr-defined]


def origin_allowed(headers: Mapping[str, str]) -> bool:
    """Whether a connection comes from a page of ours, from a page that is allowed by name, or from no page at all.

    The Host header must be one of ours: with a name that an attacker points to this machine, Origin and Host agree.
    """
    host = headers.get("host", "")
    name, _ = split_domain_port(host)
    if not name or not validate_host(name, settings.ALLOWED_HOSTS):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    if origin in allowed_by_name():
        return True
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()


def allowed_by_name() -> frozenset[str]:
    """Return the origins of the settings."""
    return frozenset([*settings.CORS_ALLOWED_ORIGINS, *getattr(settings, "CSRF_TRUSTED_ORIGINS", ())])
