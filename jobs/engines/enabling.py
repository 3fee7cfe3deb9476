"""Engines that ship switched off: their terms or their manners want a decision of the operator."""

from __future__ import annotations

from django.conf import settings

ENABLED_SETTING = "PIXTASKS_ENGINES_ENABLED"


def not_enabled(name: str) -> list[str]:
    """Return the setting that has to name the engine, as long as it does not; what ``Engine.missing`` returns."""
    return [] if name in getattr(settings, ENABLED_SETTING, ()) else [ENABLED_SETTING]
