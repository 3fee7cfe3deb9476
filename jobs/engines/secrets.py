"""Keys of sources, and how to keep them out of what is shown or written down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote, quote_plus

from django.conf import settings

from .registered import TOKENS
from .registry import engines

HIDDEN = "[key]"
_SHORTEST = 6  # Shorter values would be found in any text.


def secret_values() -> list[str]:
    """Return the values of the settings that the engines name as their keys, and their tokens, the longest first."""
    kinds = ("settings", "optional")
    names = {name for engine in engines for kind in kinds for name in getattr(engine, kind, ())}
    values = {str(getattr(settings, name, "") or "").strip() for name in names} | set(TOKENS.held())
    return sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True)


def spellings(secrets: Iterable[str]) -> list[str]:
    """Return secrets as they are and percent-encoded, the longest first."""
    forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote_plus(secret))}
    return sorted(forms, key=len, reverse=True)


def without_secrets(text: str, secrets: Sequence[str] | None = None) -> str:
    """Return a text with every key left out, percent-encoded ones too.

    Args:
        secrets: by default those of :func:`secret_values`.
    """
    for form in spellings(secret_values() if secrets is None else secrets):
        text = text.replace(form, HIDDEN)
    return text
