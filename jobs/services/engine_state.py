"""Whether an engine may be asked now, for all workers together: pauses, the circuit breaker, an operator's hold.

Asking costs one read of a row by its key. It is written only where there is news: an error, a source that asks to
wait, a quota, an answer after errors, and once a minute that it answers at all. Every pause is also told to the
ledger's bucket of the engine (:func:`tasktypes.services.limits.pause_starts`), so that chunks which wait behind it are
not even started.

The breaker: closed → open after PIXTASKS_ENGINE_FAILURES passing failures in a row → when its pause is over, exactly
one worker probes (half-open) → closed by an answer, or open again for twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from jobs.engines.quota import Quota
from jobs.engines.secrets import without_secrets
from jobs.models import EngineState
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.sql import database_now
from tasktypes.services.limits import pause_starts, resume_starts

LOOK_AGAIN: Final = 600.0
"""Seconds after which whoever waits looks again at the latest: an operator may have ended the pause."""
PROBE_SECONDS: Final = 60
"""So long one probe keeps all others away; a prober that was killed leaves its place to the next after it."""
_FOREVER: Final = timedelta(days=3650)
_OK_EVERY: Final = timedelta(minutes=1)
_QUOTA_EVERY: Final = timedelta(seconds=10)
_LONGEST: Final = 500


class Condition(StrEnum):
    """How an engine is."""

    CLOSED = "closed"
    """It is asked."""
    OPEN = "open"
    """It failed too often in a row, and is left alone."""
    HALF_OPEN = "half-open"
    """One worker probes whether it answers again, or the next one will."""
    PAUSED = "paused"
    """The source asked to wait, or an operator holds it."""

    @property
    def word(self) -> str:
        """What the console calls it: a circuit that is "closed" would read like a shop that is."""
        return _WORDS.get(self, self.value)


_WORDS: Final = {Condition.CLOSED: "ready", Condition.OPEN: "failing", Condition.HALF_OPEN: "probing"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How an engine is at one moment.

    Attributes:
        until: when it is asked again; None where nothing is in the way, or nobody knows.
        held: by an operator.
    """

    condition: Condition
    until: datetime | None = None
    reason: str = ""
    held: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether one worker may ask an engine now; what follows is reported with it.

    Attributes:
        seconds: to wait; 0: it may be asked.
        probe: this worker is the one that probes.
        row: as it was read; None where there is none yet.
    """

    name: str
    seconds: float = 0.0
    reason: str = ""
    probe: bool = False
    row: EngineState | None = None


def bucket_of(name: str) -> str:
    """Return the rate key of an engine."""
    return f"engine:{name}"


def standing_of(row: EngineState | None, now: datetime) -> Standing:
    """Return how an engine is; pure."""
    if row is None:
        return Standing(Condition.CLOSED)
    if row.held_at is not None and (row.held_until is None or row.held_until > now):
        return Standing(Condition.PAUSED, row.held_until, row.held_reason or "An operator paused it.", held=True)
    if row.opened_at is not None and row.retry_at is not None:
        reason = f"It failed {row.consecutive_failures} times in a row: {row.last_error}"
        later = max(row.retry_at, row.paused_until or row.retry_at)
        if later > now:
            return Standing(Condition.OPEN, later, reason)
        probed = row.probe_until is not None and row.probe_until > now
        return Standing(Condition.HALF_OPEN, row.probe_until if probed else None, reason)
    if row.paused_until is not None and row.paused_until > now:
        return Standing(Condition.PAUSED, row.paused_until, row.pause_reason or "The source asked to wait.")
    return Standing(Condition.CLOSED)


def engine_conditions() -> dict[str, Condition]:
    """Return how the engines are of which anything is remembered, by name."""
    rows = list(EngineState.objects.all())
    now = database_now()
    return {row.pk: standing_of(row, now).condition for row in rows}


def gate(name: str) -> Gate:
    """Return whether an engine may be asked now; where it is to be probed, the first to call is the prober.

    Args:
        name: the engine's own.
    """
    row = EngineState.objects.filter(pk=name).first()
    if row is None:
        return Gate(name)
    now = database_now()
    here = standing_of(row, now)
    if here.condition == Condition.CLOSED:
        return Gate(name, row=row)
    if here.condition == Condition.HALF_OPEN and here.until is None and _take_probe(row):
        return Gate(name, probe=True, row=row)
    # A probe that somebody else makes has its answer in seconds.
    wait = LOOK_AGAIN if here.until is None else (here.until - now).total_seconds()
    if here.condition == Condition.HALF_OPEN:
        wait = min(wait, 5.0)
    return Gate(name, seconds=min(max(wait, 0.05), LOOK_AGAIN), reason=f"{name}: {here.reason}", row=row)


def answered(passed: Gate, *, wait: float | None = None, quota: Quota | None = None) -> None:
    """Note that an engine answered: its failures in a row are over, and a probe closes the breaker.

    Args:
        passed: the gate that the question went through.
        wait: seconds for which the source asked to be left alone (``Page.wait``).
        quota: as the answer's headers told it.
    """
    row = passed.row
    now = database_now()
    stale = row is None or row.last_ok_at is None or now - row.last_ok_at >= _OK_EVERY
    failing = row is not None and row.consecutive_failures > 0
    news = _quota_news(row, quota, now)
    if not (stale or failing or passed.probe or wait or news):
        return
    changes: dict[str, Any] = {"last_ok_at": now, **news}
    with transaction.atomic():
        locked = _locked(passed.name)
        if passed.probe and _still_probing(locked, passed):
            changes |= _CLOSED
        elif locked.opened_at is None:
            changes["consecutive_failures"] = 0
        if wait:
            changes |= _pause(locked, now + timedelta(seconds=wait), "The source asked to wait: its quota is used up.")
        _write(locked, changes)


def failed(passed: Gate, message: str, *, retry_after: float | None = None, private: str = "") -> None:
    """Note a failure that may pass; so many in a row open the breaker, and one of a probe keeps it open for longer.

    Args:
        passed: the gate that the question went through.
        message: what went wrong.
        retry_after: seconds that the source asked to wait; then nobody asks it before.
        private: what the message may hold and must not be shown to others: the keyword.
    """
    now = database_now()
    with transaction.atomic():
        locked = _locked(passed.name)
        failures = locked.consecutive_failures + 1
        changes: dict[str, Any] = {"consecutive_failures": failures, **_error(message, private, now)}
        if retry_after:
            changes |= _pause(locked, now + timedelta(seconds=retry_after), "The source asked to wait.")
        if passed.probe and _still_probing(locked, passed):
            openings = locked.openings + 1
            changes |= {"openings": openings, "retry_at": now + open_for(openings), "probe_until": None}
        elif locked.opened_at is None and failures >= settings.PIXTASKS_ENGINE_FAILURES:
            changes |= {"opened_at": now, "openings": 1, "retry_at": now + open_for(1), "probe_until": None}
        _write(locked, changes)


def refused(passed: Gate, message: str, *, private: str = "") -> None:
    """Note an error that will not pass (a key that is refused, a format that changed): shown, and no reason to pause.

    Where it answers a probe, the source is there again, and the breaker closes.
    """
    now = database_now()
    with transaction.atomic():
        locked = _locked(passed.name)
        changes = _error(message, private, now)
        if passed.probe and _still_probing(locked, passed):
            changes |= _CLOSED
        _write(locked, changes)


def is_open(name: str) -> bool:
    """Return whether the breaker of an engine is open or half-open."""
    return EngineState.objects.filter(pk=name, opened_at__isnull=False).exists()


def pause_engine(
    name: str,
    *,
    seconds: float | None = None,
    reason: str = "",
    actor: User | None = None,
    address: str | None = None,
) -> EngineState:
    """Let nobody ask an engine until it is resumed; what runs stops at its next page, and goes on from there.

    Args:
        name: the engine's own.
        seconds: for how long; None: until somebody resumes it.
        reason: shown to users.
        actor, address: who does it, and from where, for the audit log.
    """
    now = database_now()
    until = None if seconds is None else now + timedelta(seconds=seconds)
    with transaction.atomic():
        row = _locked(name)
        _write(row, {"held_at": now, "held_until": until, "held_reason": reason[:_LONGEST]})
        facts = {"until": until, "reason": reason}
        audit("engine.paused", actor=actor, object_type="engine", object_id=name, detail=facts, address=address)
    return EngineState.objects.get(pk=name)


def resume_engine(name: str, *, actor: User | None = None, address: str | None = None) -> EngineState:
    """Let an engine be asked at once: the operator's hold, the source's pause and the breaker all end.

    Args:
        name: the engine's own.
        actor, address: as for :func:`pause_engine`.
    """
    with transaction.atomic():
        row = _locked(name)
        nothing = {"held_at": None, "held_until": None, "held_reason": "", "paused_until": None, "pause_reason": ""}
        _write(row, nothing | _CLOSED)
        resume_starts(bucket_of(name), wake=True)
        audit("engine.resumed", actor=actor, object_type="engine", object_id=name, address=address)
    return EngineState.objects.get(pk=name)


def open_for(openings: int) -> timedelta:
    """Return how long an engine is left alone at its so-manieth opening: each time twice as long, up to a bound."""
    seconds = settings.PIXTASKS_ENGINE_RETRY_SECONDS * 2 ** min(openings - 1, 30)
    return timedelta(seconds=min(seconds, settings.PIXTASKS_ENGINE_RETRY_MOST_SECONDS))


_CLOSED: Final[dict[str, Any]] = {
    "consecutive_failures": 0, "opened_at": None, "openings": 0, "retry_at": None, "probe_until": None,
}  # fmt: skip


def _take_probe(row: EngineState) -> bool:
    """Become the prober in one guarded UPDATE; false where somebody else was first."""
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=Now())
    due = EngineState.objects.filter(free, pk=row.pk, opened_at__isnull=False, openings=row.openings)
    until = database_now() + timedelta(seconds=PROBE_SECONDS)
    with transaction.atomic():
        if not due.filter(retry_at__lte=Now()).update(probe_until=until):
            return False
        pause_starts(bucket_of(row.pk), until)
    return True


def _still_probing(row: EngineState, passed: Gate) -> bool:
    """Whether the breaker has not moved since this probe began."""
    return row.opened_at is not None and passed.row is not None and row.openings == passed.row.openings


def _locked(name: str) -> EngineState:
    EngineState.objects.bulk_create([EngineState(name=name)], ignore_conflicts=True)
    return EngineState.objects.select_for_update(no_key=True).get(pk=name)


def _write(row: EngineState, changes: Mapping[str, Any]) -> None:
    """Change a locked row, and let the ledger's bucket say the same."""
    for field, value in changes.items():
        setattr(row, field, value)
    EngineState.objects.filter(pk=row.pk).update(**changes)
    now = database_now()
    here = standing_of(row, now)
    key = bucket_of(row.pk)
    if not changes.keys() <= {"last_ok_at", "last_error", "last_error_at", "consecutive_failures", *_QUOTA}:
        resume_starts(key)
        if here.condition != Condition.CLOSED and not (here.condition == Condition.HALF_OPEN and here.until is None):
            pause_starts(key, here.until or now + _FOREVER)


def _pause(row: EngineState, until: datetime, reason: str) -> dict[str, Any]:
    """Return the changes of a pause; one that lasts longer stays."""
    if row.paused_until is not None and row.paused_until >= until:
        return {}
    return {"paused_until": until, "pause_reason": reason}


def _error(message: str, private: str, now: datetime) -> dict[str, Any]:
    text = without_secrets(message).replace("\x00", "")
    if private:
        text = text.replace(private, "…")
    return {"last_error": text[:_LONGEST], "last_error_at": now}


_QUOTA: Final = ("quota_limit", "quota_remaining", "quota_reset_at", "quota_at")


def _quota_news(row: EngineState | None, quota: Quota | None, now: datetime) -> dict[str, Any]:
    """Return what to write of a quota: at once where it is used up or its size changed, else now and then."""
    if quota is None:
        return {}
    old = row is None or row.quota_at is None or now - row.quota_at >= _QUOTA_EVERY
    if not (old or quota.remaining == 0 or (row is not None and row.quota_limit != quota.limit)):
        return {}
    reset_at = None if quota.reset is None else now + timedelta(seconds=min(quota.reset, _FOREVER.total_seconds()))
    return dict(zip(_QUOTA, (quota.limit, quota.remaining, reset_at, now), strict=True))
