"""Judges stored pictures at three levels; each level does everything of the one before.

``validators["medium"].check(subject, Thresholds.from_settings())`` gives a verdict. One file per level; a further one
comes from another package through an entry point in the group ``pixtasks.validators``. Imports no models.
"""

from __future__ import annotations

from . import fast, medium, slow
from .base import (
    DEFAULT_WARNINGS,
    Issue,
    Subject,
    Thresholds,
    Validator,
    Verdict,
    load_entry_points,
    validators,
)
from .limits import MEASURED, judged_again
from .near_duplicates import NearDuplicate, find_near_duplicates

LEVELS = (fast.FastValidator.level, medium.MediumValidator.level, slow.SlowValidator.level)

__all__ = [
    "DEFAULT_WARNINGS",
    "LEVELS",
    "MEASURED",
    "Issue",
    "NearDuplicate",
    "Subject",
    "Thresholds",
    "Validator",
    "Verdict",
    "find_near_duplicates",
    "judged_again",
    "load_entry_points",
    "validators",
]
