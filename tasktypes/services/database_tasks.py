"""Typed tasks with de-duplication: what dialect D submits (CONTRACT X40–X42, D05, D15)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from pydantic import ValidationError

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import AccessDenied, FieldError, InvalidInput, NotFound, RuleViolation
from pixtasks.common.wording import Loc, field_errors
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tasktypes.services.retry import reopen
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Submitted:
    """A task, and whether it was there already."""

    task: Task
    is_duplicate: bool
    message: str


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What became of one payload of a batch: a task, or the faults that kept it out."""

    index: int
    submitted: Submitted | None
    errors: list[FieldError]


def dedup_key(name: str, payload: Mapping[str, Any]) -> str:
    """Return the key that equal payloads of one name share: the sha256 of name and canonical JSON (CONTRACT X40)."""
    return hashlib.sha256(f"{name}\0{canonical_json(payload)}".encode()).hexdigest()


def canonical_json(payload: Mapping[str, Any]) -> str:
    """Return the same text for equal payloads: keys sorted, no blanks."""
    # orjson would refuse integers above 64 bits.
    return json.dumps(dict(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def submit_once(
    name: str,
    payload: Mapping[str, Any],
    *,
    owner_id: int,
    caller: User | None = None,
    loc: Loc = ("body", "payload"),
) -> Submitted:
    """Submit a task unless the owner has the same one: that one's ``max_retries`` grows by one instead (D05).

    A task that failed or was cancelled runs again; one that succeeded does not (CONTRACT X41).

    Args:
        caller: who asks, where the handler is to say whether they may.

    Raises:
        InvalidInput: the payload does not fit the handler's model.
        NotFound: there is no such handler.
        RuleViolation, AccessDenied: the payload names what is not there, or somebody else's.
    """
    _check(name, payload, caller, loc)
    key = dedup_key(name, payload)
    new = NewTask(type_name=name, parameters=payload, dedup_key=key)
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                same = Task.objects.filter(created_by_id=owner_id, dedup_key=key)
                present = same.select_for_update(of=("self",)).first()
                if present is not None:
                    audit("task.repeated", actor=caller, target=present, detail={"task": present.public_id})
                    return _again_all([present])[present.pk]
                task = submit([new], owner_id=owner_id, loc=loc)[0]
                audit("task.launched", actor=caller, target=task, detail={"task": task.public_id, "type": name})
        except IntegrityError:
            continue  # The same payload came at the same moment: it is there now.
        return Submitted(task, False, f"Task {name} created as new task {task.pk}")
    raise IntegrityError(f"the payload of {name} is being submitted and deleted at once")


def submit_batch(
    name: str,
    payloads: Sequence[Mapping[str, Any]],
    *,
    owner_id: int,
    caller: User | None = None,
    atomic: bool = False,
) -> list[BatchItem]:
    """Submit many payloads; the valid ones in one transaction and a handful of statements (CONTRACT X42).

    Args:
        caller: who asks, where the handler is to say whether they may.
        atomic: all or nothing.

    Raises:
        InvalidInput: ``atomic`` and at least one payload is not valid; all faults.
        NotFound: there is no such handler.
    """
    keys = [dedup_key(name, payload) for payload in payloads]
    faults = _faults(name, payloads, caller)
    if atomic and faults:
        raise InvalidInput([fault for index in sorted(faults) for fault in faults[index]])
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                items = _submit_valid(name, payloads, keys, faults, owner_id)
                there = [one.submitted for one in items if one.submitted is not None]
                fresh = sum(not one.is_duplicate for one in there)
                detail = {"type": name, "tasks": fresh, "repeated": len(there) - fresh, "refused": len(faults)}
                if there:
                    audit("task.launched", actor=caller, detail=detail)
            return items
        except IntegrityError:
            continue  # One of the payloads came at the same moment: it is there now.
    raise IntegrityError(f"payloads of {name} are being submitted and deleted at once")


def _submit_valid(
    name: str,
    payloads: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    faults: Mapping[int, list[FieldError]],
    owner_id: int,
) -> list[BatchItem]:
    with transaction.atomic():
        wanted = sorted({key for index, key in enumerate(keys) if index not in faults})
        there = {
            task.dedup_key: task
            for task in Task.objects.filter(created_by_id=owner_id, dedup_key__in=wanted)
            .order_by("id")
            .select_for_update(of=("self",))
        }
        firsts = {key: index for index, key in reversed(list(enumerate(keys))) if index not in faults}
        fresh = sorted(index for key, index in firsts.items() if key not in there)
        rows = submit(
            [NewTask(type_name=name, parameters=payloads[index], dedup_key=keys[index]) for index in fresh],
            owner_id=owner_id,
        )
        created = dict(zip(fresh, rows, strict=True))
        repeated = [index for index in range(len(payloads)) if index not in faults and index not in created]
        known = {**{row.dedup_key: row for row in rows}, **there}
        again = _again_all([known[keys[index]] for index in repeated])
    items = []
    for index in range(len(payloads)):
        if index in faults:
            items.append(BatchItem(index, None, faults[index]))
        elif index in created:
            task = created[index]
            items.append(BatchItem(index, Submitted(task, False, f"Task {name} created as new task {task.pk}"), []))
        else:
            items.append(BatchItem(index, again[known[keys[index]].pk], []))
    return items


def _check(name: str, payload: Mapping[str, Any], caller: User | None, loc: Loc) -> None:
    handler = handlers.get(name)
    if handler is None:
        raise NotFound(f"Unknown task type: {name}; known are: {', '.join(handlers.names())}")
    try:
        params = handler.Params.model_validate(dict(payload))
    except ValidationError as error:
        raise InvalidInput(field_errors(error, loc)) from error
    if caller is not None:
        handler.check_caller(params, caller)


def _faults(name: str, payloads: Sequence[Mapping[str, Any]], caller: User | None) -> dict[int, list[FieldError]]:
    found: dict[int, list[FieldError]] = {}
    for index, payload in enumerate(payloads):
        loc: Loc = ("body", index, "payload")
        try:
            _check(name, payload, caller, loc)
        except InvalidInput as error:
            found[index] = error.errors
        except (RuleViolation, AccessDenied) as error:
            found[index] = [FieldError(loc, error.message)]
    return found


def _again_all(tasks: Sequence[Task]) -> dict[int, Submitted]:
    """Give repeated tasks one more retry each, and let those that ended badly run again."""
    if not tasks:
        return {}
    counts: dict[int, int] = {}
    for task in tasks:
        counts[task.pk] = counts.get(task.pk, 0) + 1
    for number in sorted(set(counts.values())):
        ids = [pk for pk, count in counts.items() if count == number]
        Task.objects.filter(pk__in=ids).update(max_retries=F("max_retries") + number, updated_at=Now())
    ended_badly = [task.pk for task in tasks if task.status in (State.FAILED, State.CANCELLED)]
    reopened = set(reopen(sorted(set(ended_badly)))) if ended_badly else set()
    rows = Task.objects.in_bulk(list(counts))
    return {pk: Submitted(rows[pk], True, _say(rows[pk], pk in reopened)) for pk in counts if pk in rows}


def _say(task: Task, reopened: bool) -> str:
    head = f"Task {task.type_name} already exists as task {task.pk} (duplicate); max_retries is now {task.max_retries}"
    if reopened:
        return f"{head}; it runs again"
    if task.status == State.COMPLETED:
        return f"{head}; it has succeeded and does not run again"
    return head
