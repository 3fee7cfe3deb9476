"""Level medium: fast, then a full decode."""

from __future__ import annotations

from typing import Final

from .base import Issue, Subject, Thresholds, Verdict, validators
from .decode import Decoded, DecodeError, decode
from .fast import Findings, examine_header
from .headers import Header
from .source import Source

# What datasets are made of; everything else needs a conversion that loses or guesses something.
_USUAL_MODES: Final = frozenset(("L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"))


def examine_picture(subject: Subject, findings: Findings) -> tuple[Header, Decoded] | None:
    """Do the work of the level: read the file once, decode it once.

    Returns:
        Header and picture, or None where there is no picture to go on with (an issue says why).
    """
    try:
        with Source(subject) as source:
            header = examine_header(subject, source, findings)
            data = source.all() if header is not None else b""
    except FileNotFoundError:
        findings.add(Issue.MISSING_FILE)
        return None
    if header is None:
        return None
    try:
        decoded = decode(header, data, findings.thresholds)
    except DecodeError as error:
        findings.add(error.issue, str(error))
        return None
    findings.measurements["mode"] = decoded.mode
    findings.measurements["frames"] = decoded.frames
    if decoded.warnings:
        findings.measurements["warnings"] = decoded.warnings
    if decoded.mode not in _USUAL_MODES or header.bits > 8:
        findings.add(Issue.ODD_COLOR_MODE)
    if decoded.frames > 1:
        findings.add(Issue.ANIMATED)
    if decoded.blank:
        findings.add(Issue.BLANK)
    return header, decoded


class MediumValidator:
    """Everything of fast, and whether the picture decodes to its end, is one picture and shows something."""

    name = level = "medium"
    description = "Everything of fast, then a full decode: truncation, corruption, bombs, colour mode, blank, animated."

    def check(self, subject: Subject, thresholds: Thresholds) -> Verdict:
        """See ``Validator.check``."""
        findings = Findings(thresholds)
        examine_picture(subject, findings)
        return findings.verdict()


validators.register(MediumValidator())
