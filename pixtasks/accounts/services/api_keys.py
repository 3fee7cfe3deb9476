"""API keys as their owners see them; ``users.create_api_key`` and ``users.revoke_api_key`` do the writing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from pixtasks.accounts.models import ApiKey, Scope, User, normalise_email
from pixtasks.accounts.roles import may_manage, operates
from pixtasks.common.errors import AccessDenied, FieldError, InvalidInput, NotFound, RuleViolation

from .audit import audit
from .users import create_api_key, revoke_api_key

LONGEST_NAME = 50
_LARGEST_ID = 2**63 - 1
_LONGEST_LIFE = timedelta(days=36_525)


class KeyMayNot(AccessDenied):
    """An API key may neither make nor change API keys: sign in and send the access token."""


def keys_of(user: User) -> QuerySet[ApiKey]:
    """Return the caller's keys, newest first, with their owners; staff see everybody's."""
    keys = ApiKey.objects.select_related("owner").order_by("-id")
    return keys if user.is_staff else keys.filter(owner=user)


def key_for(user: User, key_id: int) -> ApiKey:
    """Return a key the caller may manage.

    Raises:
        NotFound: there is none of that id.
        AccessDenied: it is somebody else's.
    """
    key: ApiKey | None = None
    if key_id <= _LARGEST_ID:
        key = ApiKey.objects.select_related("owner").filter(pk=key_id).first()
    if key is None:
        raise NotFound("API key not found")
    if not user.is_staff and key.owner_id != user.pk:
        raise AccessDenied
    return key


def manages_keys(user: User) -> bool:
    """Return whether somebody may make, change and revoke the keys of others: an administrator's right."""
    return user.is_active and user.is_staff and user.has_perms(["accounts.add_apikey", "accounts.change_apikey"])


def _check_manager(caller: User, owner: User) -> None:
    """Let a key's owner pass, and whoever manages keys and may as much as the owner.

    Raises:
        AccessDenied: everybody else.
    """
    if caller.pk == owner.pk:
        return
    if not manages_keys(caller):
        raise AccessDenied("Only administrators may make, change and revoke the keys of others")
    if not may_manage(caller, owner):
        raise AccessDenied("The owner of this key may do more than you; a superuser can manage it")


def new_key(
    *,
    caller: User,
    name: str,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
    owner: str | None = None,
    with_key: bool = False,
    address: str | None = None,
) -> tuple[ApiKey, str]:
    """Make a key for the caller, or by an administrator for somebody else.

    Args:
        owner: the address of whom it acts as; the caller where not given.
        with_key: the caller came with an API key.
        address: where the request came from, for the audit log.

    Returns:
        The row, and the key itself, which is stored nowhere.

    Raises:
        KeyMayNot: a key would make a key, and so outlive its own end.
        AccessDenied: only administrators make keys for others, and only operators grant ``worker``.
        InvalidInput: scopes exclude each other, the owner is unknown, or the end is not in the future.
    """
    if with_key:
        raise KeyMayNot
    holder = caller if owner is None else _owner(caller, owner)
    check_scopes(scopes, granted_by_operator=operates(caller))
    check_expiry(expires_at)
    return create_api_key(owner=holder, name=name, scopes=scopes, expires_at=expires_at, actor=caller, address=address)


def change_key(
    key: ApiKey, *, caller: User, changes: dict[str, object], with_key: bool = False, address: str | None = None
) -> ApiKey:
    """Change what is given.

    Args:
        changes: of ``name`` and ``expires_at`` what is to change; an end of None is no end.
        with_key: the caller came with an API key.

    Raises:
        KeyMayNot: a key would prolong its own life.
        AccessDenied: it is somebody else's, and the caller does not manage keys.
        InvalidInput: the end is not in the future.
        RuleViolation: the key is revoked.
        NotFound: it was deleted meanwhile.
    """
    if with_key:
        raise KeyMayNot
    _check_manager(caller, key.owner)
    columns = {{"expires_at": "expiry_date"}.get(name, name): value for name, value in changes.items()}
    end = columns.get("expiry_date")
    check_expiry(end if isinstance(end, datetime) else None)
    with transaction.atomic():
        row: ApiKey | None = (
            ApiKey.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=key.pk).first()
        )
        if row is None:
            raise NotFound("API key not found")
        if row.revoked:
            raise RuleViolation("This API key is revoked; make a new one.")
        changed = [column for column, value in columns.items() if getattr(row, column) != value]
        for column in changed:
            setattr(row, column, columns[column])
        if changed:
            row.save(update_fields=changed)
            detail = {"prefix": row.prefix, "changed": {column: columns[column] for column in changed}}
            audit("apikey.changed", actor=caller, target=row, detail=detail, address=address)
    return row


def revoke_key(key: ApiKey, *, caller: User, with_key: ApiKey | None = None, address: str | None = None) -> None:
    """Refuse the key from now on; doing it twice changes nothing.

    Args:
        with_key: the key that the caller came with; it may revoke itself and no other.

    Raises:
        KeyMayNot: a key would revoke another one.
        AccessDenied: it is somebody else's, and the caller does not manage keys.
    """
    if with_key is not None and with_key.pk != key.pk:
        raise KeyMayNot("An API key may revoke itself alone: sign in to revoke another one.")
    _check_manager(caller, key.owner)
    revoke_api_key(key=key, actor=caller, address=address)


def check_scopes(scopes: Sequence[str], *, granted_by_operator: bool) -> None:
    """Look whether these scopes may be granted together, by this person.

    Raises:
        AccessDenied: only operators grant ``worker``.
        InvalidInput: a scope is unknown, or ``read`` stands beside ``worker``, which has to write.
    """
    for index, scope in enumerate(scopes):
        if scope not in Scope.values:
            raise InvalidInput(
                FieldError(("body", "scopes", index), f"permitted: {', '.join(Scope.values)}", "type_error.enum")
            )
    if {Scope.READ, Scope.WORKER} <= set(scopes):
        raise InvalidInput(FieldError(("body", "scopes"), "a worker has to write: choose read or worker"))
    if Scope.WORKER in scopes and not granted_by_operator:
        raise AccessDenied("Only operators may grant the scope worker, as it reaches everybody's tasks")


def check_expiry(expires_at: datetime | None) -> None:
    """Look whether a key may end then.

    Raises:
        InvalidInput: it would have ended already, or in more than a hundred years.
    """
    if expires_at is None:
        return
    now = timezone.now()
    if not now < expires_at < now + _LONGEST_LIFE:
        raise InvalidInput(
            FieldError(("body", "expires_at"), "must be in the future, within a hundred years", "value_error.datetime")
        )


def _owner(caller: User, email: str) -> User:
    if normalise_email(email) == caller.email:
        return caller
    if not manages_keys(caller):  # Before looking, as the answer would tell who has an account here.
        raise AccessDenied("Only administrators may make keys for somebody else")
    owner = User.objects.filter(email=normalise_email(email), is_active=True).first()
    if owner is None:
        raise InvalidInput(FieldError(("body", "owner"), "there is no active user of this address"))
    _check_manager(caller, owner)
    return owner
