"""The record of who did what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.json import dump_json, load_json


def audit(
    action: str,
    *,
    actor: User | None = None,
    target: Model | None = None,
    object_type: str = "",
    object_id: object = "",
    detail: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> AuditEntry:
    """Insert an entry, in the caller's transaction: what is rolled back was not done.

    Args:
        action: a permanent word, such as ``signed_in`` or ``task.cancelled``.
        actor: who did it; None is the system itself.
        target: the object; its table's label and key are kept. Or ``object_type`` and ``object_id``.
        detail: what else is worth knowing; never a secret.
        address: where the request came from (``throttles.caller_address``).
    """
    if target is not None:
        object_type = object_type or target._meta.label_lower
        object_id = object_id or target.pk
    return AuditEntry.objects.create(
        actor=actor,
        actor_name=actor.email if actor else "system",
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        detail=load_json(dump_json(dict(detail or {}))),
        address=address or None,
    )
