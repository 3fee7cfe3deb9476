"""What every validator shares: issue names, thresholds, the subject of a check and its verdict.

Imports no models and needs no loaded Django apps; settings are read when ``Thresholds.from_settings`` is called.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from pixtasks.common.registry import Registry


class Issue(StrEnum):
    """Everything a validator can find, with the sentence that the API and the console show."""

    description: str

    def __new__(cls, word: str, description: str) -> Issue:
        """Make a member out of its word and its sentence."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.description = description
        return member

    MISSING_FILE = "missing_file", "The stored file is not there any more."
    SIZE_MISMATCH = "size_mismatch", "The stored file has another size than the one recorded when it was fetched."
    TOO_FEW_BYTES = "too_few_bytes", "The file is too small to hold a picture."
    TOO_MANY_BYTES = "too_many_bytes", "The file is larger than is allowed."
    UNSUPPORTED_FORMAT = "unsupported_format", "The file is not one of the supported image formats."
    WRONG_FORMAT = "wrong_format", "The file holds another image format than the one recorded when it was fetched."
    UNREADABLE = "unreadable", "The header cannot be read, so the picture cannot be opened at all."
    TRUNCATED = "truncated", "The file ends before the picture does."
    CORRUPT = "corrupt", "The picture's data is damaged."
    PIXEL_BOMB = "pixel_bomb", "Decoding it would take more pixels, frames, scans or memory than is allowed."
    TOO_SMALL = "too_small", "The picture is narrower or lower than the minimum."
    TOO_LARGE = "too_large", "The picture is wider or higher than the maximum."
    BLANK = "blank", "The picture is one flat colour or fully transparent."
    WRONG_EXTENSION = "wrong_extension", "The extension in the address names another format than the file holds."
    WRONG_CONTENT_TYPE = "wrong_content_type", "The server declared another type than the file holds."
    ANIMATED = "animated", "The file holds more than one frame or page."
    ODD_COLOR_MODE = "odd_color_mode", "The colours are not 8-bit gray, palette or RGB (CMYK, 16-bit or bilevel)."
    BLURRY = "blurry", "The picture has hardly any sharp detail."
    DARK = "dark", "Even the brightest parts of the picture are dark."
    LIGHT = "light", "Even the darkest parts of the picture are almost white."
    LOW_CONTRAST = "low_contrast", "The picture uses only a narrow range of brightness."
    LOW_ENTROPY = "low_entropy", "The picture carries little information (few, even tones)."
    ODD_ASPECT = "odd_aspect", "The picture is far wider than high, or far higher than wide."
    NEAR_DUPLICATE = "near_duplicate", "The picture looks the same as an earlier one of the same job."


#: Issues that leave an image valid: it loads and can be used, and whether it should be is the user's taste.
#: Everything else is a fault of the file. ``PIXTASKS_VALIDATION_WARNINGS`` replaces this list.
DEFAULT_WARNINGS: frozenset[str] = frozenset(
    {
        Issue.WRONG_EXTENSION,
        Issue.WRONG_CONTENT_TYPE,
        Issue.ANIMATED,
        Issue.ODD_COLOR_MODE,
        Issue.BLURRY,
        Issue.DARK,
        Issue.LIGHT,
        Issue.LOW_CONTRAST,
        Issue.LOW_ENTROPY,
        Issue.ODD_ASPECT,
        Issue.NEAR_DUPLICATE,
    }
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits that turn measurements into issues; ``PIXTASKS_VALIDATION_THRESHOLDS`` overrides single ones.

    Attributes:
        min_bytes, max_bytes: size of the file, bytes.
        min_width, min_height, max_width, max_height: pixels.
        max_frames: frames or pages of one file.
        max_scans: scans of a progressive JPEG (each costs a pass over the whole picture).
        blank_deviation: standard deviation of brightness (0–255) below which a picture is blank.
        min_sharpness: see ``quality.sharpness``.
        dark_level: 0–1; the 99th percentile of brightness of a dark picture lies below.
        light_level: 0–1; the 5th percentile of brightness of a light picture lies above.
        min_contrast: 0–1; distance of the 1st and the 99th percentile of brightness.
        min_entropy: bits (0–8) of the brightness histogram.
        max_aspect: longer side divided by shorter side.
        near_duplicate_distance: differing bits (0–64) of two perceptual hashes.
        max_pixels: width × height of one frame (``PIXTASKS_MAX_IMAGE_PIXELS``).
        warnings: issues that leave an image valid (``PIXTASKS_VALIDATION_WARNINGS``).
    """

    min_bytes: int = 100
    max_bytes: int = 25_000_000
    min_width: int = 64
    min_height: int = 64
    max_width: int = 20_000
    max_height: int = 20_000
    max_frames: int = 500
    max_scans: int = 200
    blank_deviation: float = 1.5
    min_sharpness: float = 0.04
    dark_level: float = 0.25
    light_level: float = 0.93
    min_contrast: float = 0.12
    min_entropy: float = 2.5
    max_aspect: float = 3.0
    near_duplicate_distance: int = 4
    max_pixels: int = 40_000_000
    warnings: frozenset[str] = DEFAULT_WARNINGS

    @classmethod
    def from_settings(cls) -> Thresholds:
        """Read the three settings.

        Raises:
            ImproperlyConfigured: a name is unknown or a value is not a number of its kind, at least 0.
        """
        numbers = {name: _number(name, raw) for name, raw in dict(settings.PIXTASKS_VALIDATION_THRESHOLDS).items()}
        return cls(
            **numbers,  # type: ignore[arg-type]  # _number gives each field its own kind of number
            max_pixels=settings.PIXTASKS_MAX_IMAGE_PIXELS,
            warnings=_warnings(settings.PIXTASKS_VALIDATION_WARNINGS),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Thresholds:
        """Return what :meth:`as_json` wrote; what it does not name is as the settings say."""
        kept = cls.from_settings()
        given = {name: value for name, value in (data or {}).items() if name in cls.__dataclass_fields__}
        if "warnings" in given:
            given["warnings"] = frozenset(map(str, given["warnings"]))
        return dataclasses.replace(kept, **given)

    def as_json(self) -> dict[str, Any]:
        """Return every limit by its name, and the remarks as a sorted list."""
        return {**dataclasses.asdict(self), "warnings": sorted(self.warnings)}

    def accepts(self, issues: Iterable[str]) -> bool:
        """Tell whether an image with these issues is valid: each of them only warns."""
        return self.warnings.issuperset(issues)


_DEFAULTS: dict[str, int | float] = {
    field.name: field.default
    for field in dataclasses.fields(Thresholds)
    if field.name not in ("max_pixels", "warnings") and isinstance(field.default, int | float)
}


def _number(name: str, raw: object) -> int | float:
    default = _DEFAULTS.get(name)
    if default is None:
        raise ImproperlyConfigured(
            f"PIXTASKS_VALIDATION_THRESHOLDS: {name!r} is not a threshold; use one of {', '.join(sorted(_DEFAULTS))}"
        )
    kind = type(default)
    try:
        value = kind(str(raw).replace("_", ""))
    except ValueError:
        value = kind(-1)
    if isinstance(raw, bool) or not math.isfinite(value) or value < 0:
        what = "whole number" if kind is int else "number"
        raise ImproperlyConfigured(
            f"PIXTASKS_VALIDATION_THRESHOLDS: {name} must be a {what} of at least 0, not {raw!r}"
        )
    return value


def _warnings(names: Collection[str]) -> frozenset[str]:
    known = {issue.value for issue in Issue}
    unknown = sorted(set(names) - known)
    if unknown:
        raise ImproperlyConfigured(
            f"PIXTASKS_VALIDATION_WARNINGS: {unknown[0]!r} is not an issue; use some of {', '.join(sorted(known))}"
        )
    return frozenset(names)


@dataclass(frozen=True, slots=True)
class Subject:
    """One stored file and what was recorded about it when it was fetched.

    Attributes:
        path: the file, where the storage is local; else None, and ``open`` is used.
        open: opens the file for reading in binary mode.
        size: bytes recorded, 0 = not known.
        format: what its bytes were sniffed as ("jpeg", "png", …), "" = not known.
        source_url: address it came from; its extension is compared with the content.
        content_type: what the server declared, "" = nothing.
        sha256: hexadecimal digest recorded.
    """

    path: Path | None
    open: Callable[[], BinaryIO]
    size: int = 0
    format: str = ""
    source_url: str = ""
    content_type: str = ""
    sha256: str = ""

    @classmethod
    def of_file(cls, path: Path, *, source_url: str = "", content_type: str = "") -> Subject:
        """Make a subject of a local file about which nothing was recorded."""
        return cls(path, lambda: path.open("rb"), source_url=source_url, content_type=content_type)

    @classmethod
    def of_bytes(cls, data: bytes, *, source_url: str = "", content_type: str = "") -> Subject:
        """Make a subject of bytes in memory."""
        return cls(None, lambda: io.BytesIO(data), size=len(data), source_url=source_url, content_type=content_type)


@dataclass(slots=True)
class Verdict:
    """The outcome of one check.

    Attributes:
        is_valid: no issue was found but such as only warn.
        issues: values of ``Issue``, in the order found, each once.
        measurements: JSON-ready numbers and words ("width", "brightness", "phash", …); "error" is the
            decoder's own sentence where there is one.
    """

    is_valid: bool
    issues: list[str]
    measurements: dict[str, object]


class Validator(Protocol):
    """A level of validation. ``name`` equals ``level`` and is what users ask for."""

    name: str
    level: str
    description: str

    def check(self, subject: Subject, thresholds: Thresholds) -> Verdict:
        """Judge one file. Whatever its bytes are, this returns a verdict and leaves the file as it is.

        Raises:
            OSError: the storage could not be read (a missing file is an issue, an outage is not).
        """
        ...


#: The levels by name: fast, medium, slow, and those of other packages.
validators: Registry[Validator] = Registry("validator", required=("name", "level", "check"))


def load_entry_points() -> None:
    """Register the validators that installed packages offer in the group ``pixtasks.validators``."""
    for entry in entry_points(group="pixtasks.validators"):
        if entry.name not in validators:
            validators.register(entry.load())
