"""Local files that a job may name: only below the folders that the operator opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from pixtasks.common.errors import FieldError, InvalidInput

ROOTS_SETTING = "PIXTASKS_DIRECTORY_ROOTS"


def allowed_roots() -> list[Path]:
    """Return the folders of ``PIXTASKS_DIRECTORY_ROOTS``, links resolved."""
    return [Path(root).expanduser().resolve() for root in getattr(settings, ROOTS_SETTING, ())]


def inside(path: Path, roots: Sequence[Path]) -> bool:
    """Tell whether a resolved path is one of the roots or lies below one."""
    return any(path == root or root in path.parents for root in roots)


def resolve_below(text: str, roots: Sequence[Path], *, loc: tuple[str | int, ...]) -> Path:
    """Return the real path of what a job names, links resolved; a relative path is looked for in each root.

    Whether something outside the roots exists is not told: the answer is the same.

    Raises:
        InvalidInput: outside every root, or not there.
    """
    if not text or "\0" in text:
        raise InvalidInput(FieldError(loc, "must name a path", "value_error.path"))
    named = Path(text)
    choices = [named] if named.is_absolute() else [root / named for root in roots]
    try:
        resolved = [choice.resolve() for choice in choices]
    except (OSError, RuntimeError):  # A loop of links.
        resolved = []
    below = [path for path in resolved if inside(path, roots)]
    if not below:
        raise InvalidInput(
            FieldError(loc, f"must lie below one of the folders that {ROOTS_SETTING} opens", "value_error.path")
        )
    for path in below:
        if path.exists():
            return path
    raise InvalidInput(FieldError(loc, "is not there", "value_error.path"))
