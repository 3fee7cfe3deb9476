"""Going through the checks, mending on request, and what came out."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

from pixtasks.accounts.services.audit import audit
from pixtasks.common.checkup import Check, Finding, Level, Progress, error, in_order, warning

logger = logging.getLogger(__name__)

DATABASE = "database"
MIGRATIONS = "migrations"
_UNUSABLE = {DATABASE: "the database cannot be used", MIGRATIONS: "its tables are not those of this version"}
"""The checks that the others build upon, and what it means where they fail."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One check's outcome.

    Args:
        mended: a sentence about each thing that was mended; the finding is what was left.
        seconds: how long it took.
    """

    check: Check
    finding: Finding
    mended: list[str]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "name": self.check.name,
            "title": self.check.title,
            "status": self.finding.level.word,
            "message": self.finding.message,
            "mended": self.mended,
            "facts": self.finding.facts,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All checks' outcomes."""

    checks: list[Examined]

    @property
    def level(self) -> Level:
        """The worst finding."""
        return max((one.finding.level for one in self.checks), default=Level.OK)

    def of(self, name: str) -> Examined:
        """Return the outcome of a check by its name.

        Raises:
            KeyError: it was not looked at.
        """
        for one in self.checks:
            if one.check.name == name:
                return one
        raise KeyError(name)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"status": self.level.word, "checks": [one.as_dict() for one in self.checks]}


def examine(
    *, fix: bool = False, deep: bool = False, at_rest: bool = False, progress: Progress | None = None
) -> Report:
    """Go through all checks.

    Args:
        fix: mend what is safe to mend, then look again.
        deep: look at everything, however long that takes.
        at_rest: nothing is being served: leave out what only a running product can pass.
        progress: hears which check comes next.
    """
    wanted = [check for check in in_order() if not (at_rest and check.needs_processes)]
    done: list[Examined] = []
    unusable = ""
    for number, check in enumerate(wanted):
        if progress is not None:
            progress(check.title, number, len(wanted))
        if check.needs_database and unusable:
            done.append(Examined(check, warning(f"Not looked at: {unusable}."), [], 0.0))
            continue
        started = time.monotonic()
        finding = _look(check, deep)
        mended: list[str] = []
        if fix and finding.level != Level.OK:
            mended, finding = _mend(check, finding, deep)
        done.append(Examined(check, finding, mended, time.monotonic() - started))
        if finding.level == Level.ERROR:
            unusable = unusable or _UNUSABLE.get(check.name, "")
    return Report(done)


def _look(check: Check, deep: bool) -> Finding:
    try:
        return check.examine(deep=deep)
    except Exception as fault:  # A check that breaks is a finding, and the others are still to come.
        logger.warning("the check %s broke", check.name, exc_info=fault)
        return error(f"It could not be looked at: {_cause(fault)}. Look into the log, mend that and run it again.")


def _mend(check: Check, before: Finding, deep: bool) -> tuple[list[str], Finding]:
    try:
        mended = check.mend(deep=deep)
    except Exception as fault:
        logger.warning("mending %s broke", check.name, exc_info=fault)
        return [], error(f"{before.message} Mending it failed: {_cause(fault)}.", **before.facts)
    if not mended:
        return [], before
    try:
        audit("doctor.mended", object_type="doctor", object_id=check.name, detail={"mended": mended})
    except DatabaseError as fault:
        logger.error("what %s mended is not in the audit log: %s", check.name, fault)
    return mended, _look(check, deep)


def _cause(fault: Exception) -> str:
    return " ".join(str(fault).split()) or type(fault).__name__
