"""Licences: one code for each way of writing one, what each permits, and whether that is enough for a project.

Knows no models. Sources call :func:`normalize`; services call :func:`judge`.
"""

from __future__ import annotations

from .codes import License, normalize
from .policy import LicensePolicy, Reason, judge
from .terms import TERMS, Terms, is_known

__all__ = ["TERMS", "License", "LicensePolicy", "Reason", "Terms", "is_known", "judge", "normalize"]
