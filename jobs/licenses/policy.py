"""What a project asks of licences, and whether one is enough."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .terms import TERMS


class Reason(StrEnum):
    """Why a licence is not enough: what rows, APIs and pages call it."""

    UNKNOWN = "unknown_license"
    COMMERCIAL = "no_commercial_use"
    DERIVATIVES = "no_derivatives"
    SHARE_ALIKE = "share_alike"


@dataclass(frozen=True, slots=True)
class LicensePolicy:
    """What the licences of a project's pictures must permit; the defaults let everything pass.

    Attributes:
        require_commercial_use: it must permit commercial use.
        require_derivatives: it must permit to share changed versions.
        allow_share_alike: it may ask that changed versions come under the same licence.
        allow_unknown_license: the source may tell none, or one that the table does not know.
    """

    require_commercial_use: bool = False
    require_derivatives: bool = False
    allow_share_alike: bool = True
    allow_unknown_license: bool = True


def judge(license_code: str, policy: LicensePolicy) -> str:
    """Return why a picture of that licence does not fit the policy, or "" where it does.

    Args:
        license_code: as :func:`jobs.licenses.normalize` gives it; "" where the source told none.

    Returns:
        A :class:`Reason`: the first that applies, in the order in which they are declared.
    """
    terms = TERMS.get(license_code)
    if terms is None:
        return "" if policy.allow_unknown_license else Reason.UNKNOWN.value
    if policy.require_commercial_use and not terms.commercial:
        return Reason.COMMERCIAL.value
    if policy.require_derivatives and not terms.derivatives:
        return Reason.DERIVATIVES.value
    if terms.share_alike and not policy.allow_share_alike:
        return Reason.SHARE_ALIKE.value
    return ""
