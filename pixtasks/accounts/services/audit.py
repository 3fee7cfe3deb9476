"""The record of who did what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from pixtasks.accounts.models import AuditEntry, Origin, User
from pixtasks.common.json import dump_json, load_json
from pixtasks.common.origin import source
from pixtasks.common.throttles import caller_address

CONSOLE_PREFIX = "/admin/"
_LONGEST_NAME = 254


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

    Where it came from (console, API, web interface, command) is noted by itself.

    Args:
        action: a permanent word, such as ``signed_in`` or ``task.cancelled``.
        actor: who did it; None is whoever is signed in where a request is being answered, the account that a command
            runs under, else the system itself. Whom ``--as`` names did what the command does.
        target: the object; its table's label and key are kept. Or ``object_type`` and ``object_id``.
        detail: what else is worth knowing; never a secret.
        address: where the request came from (``throttles.caller_address``); of the present request by default.
    """
    if target is not None:
        object_type = object_type or target._meta.label_lower
        object_id = object_id or target.pk
    came = source()
    facts = dict(detail or {})
    name = "system"
    if came.request is not None:
        present = getattr(came.request, "user", None)
        actor = actor or (present if isinstance(present, User) else None)
        address = address or caller_address(came.request)
    elif came.command:
        facts = {"command": came.command, "account": came.account, **facts}
        name = came.account
        actor = came.actor or actor
    return AuditEntry.objects.create(
        actor=actor,
        actor_name=(actor.email if actor else name)[:_LONGEST_NAME],
        origin=_origin(came.request, came.command),
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        detail=load_json(dump_json(facts)),
        address=address or None,
    )


def _origin(request: HttpRequest | None, command: str) -> Origin:
    if request is None:
        return Origin.COMMAND if command else Origin.SYSTEM
    if request.path.startswith(CONSOLE_PREFIX):
        return Origin.CONSOLE
    view = request.resolver_match.func if request.resolver_match is not None else None
    return Origin.API if hasattr(view, "cls") else Origin.PAGES  # ``cls`` marks the views of the REST framework.
