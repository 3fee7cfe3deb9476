"""Level slow: medium, then hashes and looks, all from the one gray copy that medium's decode left."""

from __future__ import annotations

from .base import Subject, Thresholds, Verdict, validators
from .decode import Decoded
from .fast import Findings
from .hashes import dhash, phash, to_hex
from .headers import Header
from .limits import look_issues
from .medium import examine_picture
from .quality import sharpness


def examine_looks(header: Header, decoded: Decoded, findings: Findings) -> None:
    """Do the work of the level on a decoded picture."""
    measurements, tones = findings.measurements, decoded.tones
    aspect = max(header.width, header.height) / min(header.width, header.height)
    measurements["phash"] = to_hex(phash(decoded.gray))
    measurements["dhash"] = to_hex(dhash(decoded.gray))
    measurements["sharpness"] = round(sharpness(decoded.gray), 4)
    measurements["brightness"] = round(tones.brightness, 4)
    measurements["highlights"] = round(tones.brightest, 4)
    measurements["shadows"] = round(tones.dark, 4)
    measurements["contrast"] = round(tones.contrast, 4)
    measurements["entropy"] = round(tones.entropy, 3)
    measurements["aspect"] = round(aspect, 3)
    for issue in look_issues(measurements, findings.thresholds, blank=decoded.blank):
        findings.add(issue)


class SlowValidator:
    """Everything of medium, and how the picture looks.

    Near-duplicates need all pictures of a job: ``near_duplicates.find_near_duplicates`` compares the measured hashes.
    """

    name = level = "slow"
    description = "Everything of medium, then perceptual hashes, blur, brightness, contrast, entropy and odd aspect."

    def check(self, subject: Subject, thresholds: Thresholds) -> Verdict:
        """See ``Validator.check``."""
        findings = Findings(thresholds)
        picture = examine_picture(subject, findings)
        if picture is not None:
            examine_looks(*picture, findings)
        return findings.verdict()


validators.register(SlowValidator())
