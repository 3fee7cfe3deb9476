"""Which issues follow from measurements alone: asked while a picture is checked, and again when limits change.

Measurements are compared as they are stored, rounded: so judging a stored verdict by other limits gives what a new
check by those limits would give.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from .base import Issue, Thresholds

#: The issues that :func:`judged_again` decides anew.
MEASURED: Final = (
    Issue.TOO_FEW_BYTES,
    Issue.TOO_SMALL,
    Issue.TOO_LARGE,
    Issue.ODD_ASPECT,
    Issue.BLURRY,
    Issue.DARK,
    Issue.LIGHT,
    Issue.LOW_CONTRAST,
    Issue.LOW_ENTROPY,
)


def look_issues(measurements: Mapping[str, object], limits: Thresholds, *, blank: bool) -> list[Issue]:
    """Return what level slow finds in its own measurements, in its order; what was not measured is not judged."""
    rules = [(Issue.ODD_ASPECT, "aspect", limits.max_aspect, True)]
    if not blank:  # a blank picture is dark or light, flat and blurred anyway
        rules += [
            (Issue.BLURRY, "sharpness", limits.min_sharpness, False),
            (Issue.DARK, "highlights", limits.dark_level, False),
            (Issue.LIGHT, "shadows", limits.light_level, True),
            (Issue.LOW_CONTRAST, "contrast", limits.min_contrast, False),
            (Issue.LOW_ENTROPY, "entropy", limits.min_entropy, False),
        ]
    found = []
    for issue, name, limit, above in rules:
        value = number(measurements, name)
        if value is not None and (value > limit if above else value < limit):
            found.append(issue)
    return found


def judged_again(issues: Collection[str], measurements: Mapping[str, object], limits: Thresholds) -> set[str]:
    """Return the issues of a stored verdict by other limits.

    Args:
        issues: what the verdict names now. Issues that no limit of these decides stay, and so does one whose
            measurement is missing: verdicts of before it was kept do not have it.
        measurements: what the check measured.
    """
    found = {str(issue) for issue in issues}
    width, height, size = (number(measurements, name) for name in ("width", "height", "bytes"))
    if size is not None:
        _set(found, Issue.TOO_FEW_BYTES, size < max(1, limits.min_bytes))
    if width is not None and height is not None:
        _set(found, Issue.TOO_SMALL, width < limits.min_width or height < limits.min_height)
        _set(found, Issue.TOO_LARGE, width > limits.max_width or height > limits.max_height)
    looks = look_issues(measurements, limits, blank=Issue.BLANK.value in found)
    for issue, name in _LOOKS.items():
        if number(measurements, name) is not None:
            _set(found, issue, issue in looks)
    return found


def number(measurements: Mapping[str, object], name: str) -> float | None:
    """Return a measurement that is a number, None where it was not taken."""
    value = measurements.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_LOOKS: Final = {
    Issue.ODD_ASPECT: "aspect",
    Issue.BLURRY: "sharpness",
    Issue.DARK: "highlights",
    Issue.LIGHT: "shadows",
    Issue.LOW_CONTRAST: "contrast",
    Issue.LOW_ENTROPY: "entropy",
}


def _set(found: set[str], issue: Issue, applies: bool) -> None:
    found.add(issue.value) if applies else found.discard(issue.value)
