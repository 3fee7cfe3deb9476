"""The classes that a fetch can end with; they are defined where every network client can use them."""

from __future__ import annotations

from pixtasks.common.net.outcomes import Outcome, http_outcome, is_transient

__all__ = ["Outcome", "http_outcome", "is_transient"]
