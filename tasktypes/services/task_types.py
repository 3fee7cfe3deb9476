"""Task types that users declare over HTTP or in the console (CONTRACT R01–R09)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import AccessDenied, Conflict, FieldError, InvalidInput, NotFound, RuleViolation
from pixtasks.common.wording import Loc
from tasktypes.handlers import handlers
from tasktypes.handlers.registry import RESERVED_NAMES
from tasktypes.models import TaskType
from tasktypes.schemas import check_schema, validate_parameters

_MOST_RETRIES = 100


def register_type(
    *,
    creator: User | None,
    name: str,
    description: str = "",
    parameters_schema: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> TaskType:
    """Declare a task type.

    Args:
        parameters_schema: a JSON Schema; empty accepts everything.
        metadata: anything; ``max_retries``, ``backoff`` (seconds) and ``validate_parameters`` have a meaning here.

    Raises:
        InvalidInput: the schema or the metadata is not valid, or the name is a word of this product.
        Conflict: the name is taken, by an inactive type, too (CONTRACT R04).
    """
    _check(parameters_schema, metadata)
    if name in RESERVED_NAMES or name in handlers:
        raise InvalidInput(FieldError(("body", "name"), f"{name!r} is a name of this product's own; choose another"))
    try:
        with transaction.atomic():
            made: TaskType = TaskType.objects.create(
                name=name,
                description=description,
                parameters_schema=dict(parameters_schema or {}),
                metadata=dict(metadata or {}),
                created_by=creator,
            )
            audit("task_type.declared", actor=creator, target=made, detail={"name": name})
            return made
    except IntegrityError as error:
        raise Conflict(f"Task type with name '{name}' already exists") from error


def type_for(type_id: int) -> TaskType:
    """Return a declared type; every caller may read it (CONTRACT X23).

    Raises:
        NotFound: there is none of that id (CONTRACT R11).
    """
    found = TaskType.objects.filter(pk=type_id).first() if type_id < 2**63 else None
    if found is None:
        raise NotFound(f"Task type {type_id} not found")
    return found


def known_types(names: Collection[str]) -> set[str]:
    """Return the names, once each is known to be that of a declared type, active or not.

    Raises:
        RuleViolation: one is not: whoever asks for it would wait for ever (CONTRACT X10).
    """
    wanted = set(names)
    if unknown := sorted(wanted - set(TaskType.objects.filter(name__in=wanted).values_list("name", flat=True))):
        raise RuleViolation(f"Unknown task type: {', '.join(unknown)}; register it first")
    return wanted


def update_type(task_type: TaskType, *, actor: User, **changes: Any) -> TaskType:
    """Change what is given, keep the rest, set ``updated_at`` (CONTRACT R07).

    Raises:
        AccessDenied: somebody else has declared it.
        InvalidInput: the schema or the metadata is not valid.
    """
    with transaction.atomic():
        changed = _change(task_type, actor, changes)
        audit("task_type.changed", actor=actor, target=changed, detail={"name": changed.name, "changed": [*changes]})
    return changed


def _change(task_type: TaskType, actor: User, changes: dict[str, Any]) -> TaskType:
    _allow(task_type, actor)
    _check(changes.get("parameters_schema"), changes.get("metadata"))
    TaskType.objects.filter(pk=task_type.pk).update(**changes, updated_at=Now())
    task_type.refresh_from_db()
    return task_type


def deactivate_type(task_type: TaskType, *, actor: User) -> None:
    """Take a type out of use; its row and its tasks remain (CONTRACT R08).

    Raises:
        AccessDenied: somebody else has declared it.
    """
    update_type(task_type, actor=actor, is_active=False)


def switch_type(task_type: TaskType, *, active: bool, actor: User, address: str | None = None) -> TaskType:
    """Let tasks of a type be made, or not; audited.

    Raises:
        AccessDenied: somebody else has declared it.
        RuleViolation: it is so already.
    """
    if task_type.is_active == active:
        raise RuleViolation(f"The type {task_type.name} is {'active' if active else 'inactive'} already")
    with transaction.atomic():
        changed = _change(task_type, actor, {"is_active": active})
        verb = "activated" if active else "deactivated"
        audit(f"task_type.{verb}", actor=actor, target=changed, detail={"name": changed.name}, address=address)
    return changed


def check_parameters(task_type: TaskType, parameters: Mapping[str, Any], *, loc: Loc) -> None:
    """Check a task's parameters against its type's schema, unless the type says not to (CONTRACT X34, R28).

    Raises:
        InvalidInput: one FieldError per fault, each below ``loc``.
    """
    if task_type.metadata.get("validate_parameters", True) is not False:
        validate_parameters(task_type.parameters_schema, parameters, loc=loc)


def declared_retries(task_type: TaskType) -> int:
    """Return how often a task of the type is tried again by itself after a failure (CONTRACT R33)."""
    return int(task_type.metadata.get("max_retries", 0))


def declared_delay(task_type: TaskType, retries: int) -> float:
    """Return the seconds before retry number ``retries`` (from 1): ``metadata.backoff``, doubling up to an hour."""
    return min(float(task_type.metadata.get("backoff", 5)) * 2.0 ** (retries - 1), 3600.0)


def _allow(task_type: TaskType, actor: User) -> None:
    if not actor.is_staff and task_type.created_by_id != actor.pk:
        raise AccessDenied


def _check(schema: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None) -> None:
    if schema is not None:
        check_schema(schema, loc=("body", "parameters_schema"))
    faults = []
    for key, most in (("max_retries", _MOST_RETRIES), ("backoff", 3600)):
        value = (metadata or {}).get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            faults.append(FieldError(("body", "metadata", key), f"must be a number from 0 to {most}"))
    if faults:
        raise InvalidInput(faults)
