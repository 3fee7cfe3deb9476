"""Endpoints: made, changed, given new secrets and deleted by their owners."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import AccessDenied, FieldError, InvalidInput, NotFound, RuleViolation
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.urls import BadUrlError, prepare_url
from pixtasks.common.signing import new_secret
from tasktypes.handlers import handlers
from tasktypes.models import Task, TaskType, WebhookEndpoint
from tasktypes.webhooks.models import all_events
from tasktypes.webhooks.scopes import checked_scope

_LARGEST_ID = 2**63 - 1


def endpoints_of(user: User) -> QuerySet[WebhookEndpoint]:
    """Return the caller's endpoints; staff see all."""
    rows = WebhookEndpoint.objects.select_related("owner").filter(deleted_at__isnull=True)
    return rows if user.is_staff else rows.filter(owner=user)


def endpoint_for(user: User, endpoint_id: int) -> WebhookEndpoint:
    """Return an endpoint the caller may use.

    Raises:
        NotFound: there is none of that id.
        AccessDenied: it is somebody else's.
    """
    rows = WebhookEndpoint.objects.select_related("owner").filter(deleted_at__isnull=True)
    endpoint = rows.filter(pk=endpoint_id).first() if endpoint_id <= _LARGEST_ID else None
    if endpoint is None:
        raise NotFound("Webhook endpoint not found")
    if not user.is_staff and endpoint.owner_id != user.pk:
        raise AccessDenied
    return endpoint


def create_endpoint(
    *,
    owner: User,
    url: str,
    events: Sequence[str] | None = None,
    description: str = "",
    task_type: str | None = None,
    task_id: int | str | None = None,
    project_id: int | None = None,
    address: str | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint that hears about its owner's tasks and jobs.

    Args:
        owner: whose it is.
        url: http or https.
        events: the ends of tasks by default.
        task_type: only tasks of this type.
        task_id: only this task, by its number or its public id; staff may name anybody's.
        project_id: only what belongs to this project, whoever started it; staff may name anybody's.
        address: where the request came from.

    Returns:
        The row, and its secret, which is not shown again.

    Raises:
        InvalidInput: the address cannot be requested, or is one that this product must not connect to.
        RuleViolation: there is no such type.
        NotFound: there is no such task or project.
        AccessDenied: the task or project is somebody else's.
    """
    _check_url(url)
    _check_type(task_type)
    secret = new_secret()
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.create(
            owner=owner,
            url=url.strip(),
            description=description,
            events=list(events) if events is not None else all_events(),
            type_name=task_type or "",
            task_number=_task_number(owner, task_id),
            scope="" if project_id is None else checked_scope(owner, "project", project_id),
            secret=secret,
        )
        _audit("created", endpoint, owner, address, {"host": _host(url)})
    return endpoint, secret


def change_endpoint(
    endpoint: WebhookEndpoint, *, actor: User, address: str | None = None, **changes: Any
) -> WebhookEndpoint:
    """Change what is given: ``url``, ``description``, ``events``, ``task_type`` (None: any), ``is_active``.

    Deliveries that still wait go to the new address; those of an endpoint that is switched off are given up at their
    next try.

    Raises:
        InvalidInput, RuleViolation: as :func:`create_endpoint`.
    """
    if "url" in changes:
        _check_url(changes["url"])
        changes["url"] = changes["url"].strip()
    if "task_type" in changes:
        _check_type(changes["task_type"])
        changes["type_name"] = changes.pop("task_type") or ""
    if changes:
        with transaction.atomic():
            for name, value in changes.items():
                setattr(endpoint, name, value)
            endpoint.save(update_fields=[*changes, "updated_at"])
            detail = {"changed": sorted(changes)} | ({"host": _host(endpoint.url)} if "url" in changes else {})
            _audit("changed", endpoint, actor, address, detail)
    return endpoint


def rotate_secret(
    endpoint: WebhookEndpoint, *, actor: User, overlap: timedelta, address: str | None = None
) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret; the present one stays valid beside it for a while, any older one ends now.

    Args:
        overlap: how long both sign; zero where the present secret has leaked.

    Returns:
        The row, and the new secret, which is not shown again.
    """
    secret = new_secret()
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update(no_key=True, of=("self",)).get(pk=endpoint.pk)
        keep = overlap > timedelta(0)
        row.previous_secret = row.secret if keep else ""
        row.previous_secret_expires_at = timezone.now() + overlap if keep else None
        row.secret = secret
        row.save(update_fields=["secret", "previous_secret", "previous_secret_expires_at", "updated_at"])
        _audit("rotated", row, actor, address, {"overlap_seconds": int(overlap.total_seconds())})
    row.owner = endpoint.owner
    return row, secret


def delete_endpoint(endpoint: WebhookEndpoint, *, actor: User, address: str | None = None) -> None:
    """Delete an endpoint and forget its secrets; its deliveries stay readable, and those that wait are given up."""
    with transaction.atomic():
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            is_active=False,
            deleted_at=timezone.now(),
            updated_at=timezone.now(),
            secret="",
            previous_secret="",
            previous_secret_expires_at=None,
        )
        _audit("deleted", endpoint, actor, address, {"host": _host(endpoint.url)})


def _check_url(url: str) -> None:
    """Refuse what can be told from the text; names are judged by the address of each connection."""
    try:
        prepared, host = prepare_url(url)
    except BadUrlError as error:
        raise InvalidInput(FieldError(("body", "url"), str(error), "value_error.url")) from None
    port = urlsplit(prepared).port or (443 if prepared.lower().startswith("https") else 80)
    literal = host.strip("[]")
    is_address = ":" in literal or literal.replace(".", "").isdigit()
    if is_address and not AddressPolicy.from_settings().permits(literal, port):
        message = "this address is not public, and webhooks may not be sent to it"
        raise InvalidInput(FieldError(("body", "url"), message, "value_error.url.blocked"))


def _check_type(name: str | None) -> None:
    if name and name not in handlers and not TaskType.objects.filter(name=name).exists():
        raise RuleViolation(f"Unknown task type: {name}")


def _task_number(owner: User, task_id: int | str | None) -> int | None:
    if task_id is None:
        return None
    text = str(task_id)
    match = Q(public_id=text)
    if text.isascii() and text.isdigit() and int(text) <= _LARGEST_ID:
        match |= Q(pk=int(text))
    task = Task.objects.filter(match).order_by("pk").first()
    if task is None:
        raise NotFound(f"Task {task_id} not found")
    if not owner.is_staff and task.created_by_id != owner.pk:
        raise AccessDenied
    return task.pk


def _host(url: str) -> str:
    """Return what the audit log may hold of an address: its path and query may carry a token."""
    return urlsplit(url).hostname or ""


def _audit(verb: str, endpoint: WebhookEndpoint, actor: User, address: str | None, detail: dict[str, Any]) -> None:
    audit(f"webhook.{verb}", actor=actor, target=endpoint, detail=detail, address=address)
