"""Level fast: what the first bytes and the recorded facts tell, without decoding."""

from __future__ import annotations

from typing import Final

from jobs.fetch.sniff import sniff

from .base import Issue, Subject, Thresholds, Verdict, validators
from .headers import Header, HeaderError, IncompleteHeaderError, read_header
from .pillow import PILLOW_NAMES
from .source import Source

# Most headers end within the first step; JPEGs with embedded thumbnails or colour profiles need a further one.
_STEPS: Final = (4096, 65_536)
_ERROR_LENGTH: Final = 200

_EXTENSIONS: Final = {
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "jpe": "jpeg",
    "jfif": "jpeg",
    "pjpeg": "jpeg",
    "png": "png",
    "apng": "png",
    "gif": "gif",
    "webp": "webp",
    "bmp": "bmp",
    "dib": "bmp",
    "tif": "tiff",
    "tiff": "tiff",
    "avif": "avif",
    # Never what we accept, so a picture under such a name is mislabelled.
    "svg": "svg",
    "ico": "ico",
    "heic": "heic",
    "jxl": "jxl",
    "jp2": "jp2",
    "pdf": "pdf",
}
_CONTENT_TYPES: Final = {
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/pjpeg": "jpeg",
    "image/png": "png",
    "image/x-png": "png",
    "image/apng": "png",
    "image/vnd.mozilla.apng": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/x-bmp": "bmp",
    "image/x-ms-bmp": "bmp",
    "image/tiff": "tiff",
    "image/avif": "avif",
}
# Types that say nothing about the content.
_SILENT_TYPES: Final = frozenset(("", "application/octet-stream", "binary/octet-stream", "application/force-download"))


class Findings:
    """Issues and measurements while a check goes on; a validator of a higher level goes on with the same ones."""

    __slots__ = ("issues", "measurements", "thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self.issues: list[str] = []
        self.measurements: dict[str, object] = {}
        self.thresholds = thresholds

    def add(self, issue: Issue, detail: str = "") -> None:
        """Note an issue once; the first decoder's sentence is kept as the measurement "error"."""
        if issue.value not in self.issues:
            self.issues.append(issue.value)
        if detail:
            self.measurements.setdefault("error", detail[:_ERROR_LENGTH])

    def verdict(self) -> Verdict:
        """Close the check."""
        return Verdict(not self.issues or self.thresholds.accepts(self.issues), self.issues, self.measurements)


def named_format(url: str) -> str | None:
    """Return the format that the extension of an address or path names, None where it names none."""
    path = url.partition("?")[0].partition("#")[0]
    extension = path[-6:].rpartition(".")[2]
    return _EXTENSIONS.get(extension.lower())


def declared_format(content_type: str) -> str | None:
    """Return the format that a Content-Type names, the type itself where it is no image, None for no statement."""
    kind = content_type.partition(";")[0].strip().lower()
    return None if kind in _SILENT_TYPES else _CONTENT_TYPES.get(kind, kind)


def examine_header(subject: Subject, source: Source, findings: Findings) -> Header | None:
    """Do the work of the level.

    Returns:
        The header, or None where nothing more can be learnt from this file (an issue says why).
    """
    limits, measurements = findings.thresholds, findings.measurements
    size = measurements["bytes"] = source.size
    if subject.size and size != subject.size:
        findings.add(Issue.SIZE_MISMATCH, f"{size} bytes instead of {subject.size}")
    if size < limits.min_bytes:
        findings.add(Issue.TOO_FEW_BYTES)
        if not size:
            return None
    elif size > limits.max_bytes:
        findings.add(Issue.TOO_MANY_BYTES)
        return None

    data = source.first(_STEPS[0])
    kind = sniff(data)
    if kind is None or kind not in PILLOW_NAMES:
        findings.add(Issue.UNSUPPORTED_FORMAT)
        return None
    measurements["format"] = kind
    if subject.format and subject.format != kind:
        findings.add(Issue.WRONG_FORMAT, f"{kind} instead of {subject.format}")
    if subject.source_url and named_format(subject.source_url) not in (kind, None):
        findings.add(Issue.WRONG_EXTENSION)
    if subject.content_type and declared_format(subject.content_type) not in (kind, None):
        findings.add(Issue.WRONG_CONTENT_TYPE)
    try:
        header = _header(kind, data, source, limits.max_pixels)
    except HeaderError as error:
        findings.add(Issue.UNREADABLE, str(error))
        return None
    return header if _fits(header, findings) else None


def _header(kind: str, data: bytes, source: Source, max_pixels: int) -> Header:
    for step in (*_STEPS[1:], source.size):
        try:
            return read_header(kind, data, complete=len(data) >= source.size, max_pixels=max_pixels)
        except IncompleteHeaderError:
            data = source.first(step)
    return read_header(kind, data, complete=True, max_pixels=max_pixels)


def _fits(header: Header, findings: Findings) -> bool:
    """Note the picture's size and tell whether it may be decoded."""
    limits = findings.thresholds
    width, height = header.width, header.height
    findings.measurements["width"] = width
    findings.measurements["height"] = height
    findings.measurements["mode"] = header.mode
    if width < limits.min_width or height < limits.min_height:
        findings.add(Issue.TOO_SMALL)
    if width > limits.max_width or height > limits.max_height:
        findings.add(Issue.TOO_LARGE)
    if width * height > limits.max_pixels:
        findings.add(Issue.PIXEL_BOMB, f"{width} × {height} pixels are more than {limits.max_pixels}")
        return False
    return True


class FastValidator:
    """Header, format, size, dimensions, and the recorded labels against the content."""

    name = level = "fast"
    description = "Header, format, size and dimensions, extension and content type against the content."

    def check(self, subject: Subject, thresholds: Thresholds) -> Verdict:
        """See ``Validator.check``; reads the header only."""
        findings = Findings(thresholds)
        try:
            with Source(subject) as source:
                examine_header(subject, source, findings)
        except FileNotFoundError:
            findings.add(Issue.MISSING_FILE)
        return findings.verdict()


validators.register(FastValidator())
