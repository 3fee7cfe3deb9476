"""Level slow: medium, then hashes and looks, all from the one gray copy that medium's decode left."""

from __future__ import annotations

from .base import Issue, Subject, Thresholds, Verdict, validators
from .decode import Decoded
from .fast import Findings
from .hashes import dhash, phash, to_hex
from .headers import Header
from .medium import examine_picture
from .quality import sharpness


def examine_looks(header: Header, decoded: Decoded, findings: Findings) -> None:
    """Do the work of the level on a decoded picture."""
    limits, measurements, tones = findings.thresholds, findings.measurements, decoded.tones
    sharp = sharpness(decoded.gray)
    aspect = max(header.width, header.height) / min(header.width, header.height)
    measurements["phash"] = to_hex(phash(decoded.gray))
    measurements["dhash"] = to_hex(dhash(decoded.gray))
    measurements["sharpness"] = round(sharp, 4)
    measurements["brightness"] = round(tones.brightness, 4)
    measurements["contrast"] = round(tones.contrast, 4)
    measurements["entropy"] = round(tones.entropy, 3)
    measurements["aspect"] = round(aspect, 3)
    if aspect > limits.max_aspect:
        findings.add(Issue.ODD_ASPECT)
    if decoded.blank:
        return  # a blank picture is dark or light, flat and blurred anyway
    if sharp < limits.min_sharpness:
        findings.add(Issue.BLURRY)
    if tones.brightest < limits.dark_level:
        findings.add(Issue.DARK)
    if tones.dark > limits.light_level:
        findings.add(Issue.LIGHT)
    if tones.contrast < limits.min_contrast:
        findings.add(Issue.LOW_CONTRAST)
    if tones.entropy < limits.min_entropy:
        findings.add(Issue.LOW_ENTROPY)


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
