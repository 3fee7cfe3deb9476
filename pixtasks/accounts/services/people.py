"""Users as administrators manage them: made, changed, given rights, signed out. Nobody gives more than he has."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from typing import Final

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from pixtasks.accounts.models import User, normalise_email
from pixtasks.accounts.roles import Role, give_role, may_grant, may_manage, role_of
from pixtasks.common.errors import AccessDenied, Conflict, FieldError, InvalidInput, RuleViolation

from .audit import audit
from .users import check_password

USER: Final = "user"
STAFF: Final = "staff"
SUPERUSER: Final = "superuser"
STANDINGS: Final[tuple[tuple[str, str], ...]] = (
    (USER, "User: works with his own projects, does not see the console"),
    *Role.choices,
    (STAFF, "Staff without a role: sees the console, and there what his groups allow"),
    (SUPERUSER, "Superuser: everything, and gives others every role"),
)
"""What somebody can be, as (word, sentence)."""


def standing_of(user: User) -> str:
    """Return what somebody is: one of the words of ``STANDINGS``."""
    if user.is_superuser:
        return SUPERUSER
    if not user.is_staff:
        return USER
    role = role_of(user)
    return role.value if role is not None else STAFF


def standings_for(actor: User) -> list[tuple[str, str]]:
    """Return what somebody may make of others."""
    return [(word, text) for word, text in STANDINGS if _may_make(actor, word)]


def new_user(
    *,
    email: str,
    name: str = "",
    password: str = "",
    standing: str = USER,
    groups: Collection[Group] = (),
    actor: User,
    address: str | None = None,
) -> tuple[User, str]:
    """Make a user.

    Args:
        password: empty: one is made, to be handed over; the user can change it.
        standing: a word of ``STANDINGS``. Here and below.
        groups: other than the roles'. Here and below.
        actor: who asks. Here and below.
        address: where the request came from. Here and below.

    Returns:
        The user, and the password that was made; empty where one was given.

    Raises:
        InvalidInput: the address is not one, or the password too weak.
        Conflict: there is a user of this address.
        AccessDenied: the actor would give more than he has.
    """
    email = normalise_email(email)
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidInput(FieldError(("email",), "; ".join(error.messages), "value_error.email")) from error
    _check_grant(actor, standing, groups)
    made = "" if password else secrets.token_urlsafe(12)
    if password:
        check_password(password, User(email=email, name=name))
    with transaction.atomic():
        if User.objects.filter(email=email).exists():
            raise Conflict(f"There is a user of the address {email} already")
        user = User.objects.create_user(email, password or made, name=name)
        _stand(user, standing)
        user.groups.add(*groups)
        detail = {"standing": standing, "groups": sorted(group.name for group in groups)}
        audit("user.added", actor=actor, target=user, detail=detail, address=address)
    return user, made


def change_user(
    user: User,
    *,
    email: str,
    name: str,
    is_active: bool,
    standing: str,
    groups: Collection[Group],
    actor: User,
    address: str | None = None,
) -> list[str]:
    """Bring a user to these facts; return the words for what changed.

    Switching somebody off ends his sessions and tokens, and refuses his API keys until he is switched on again.

    Raises:
        AccessDenied: the user may more than the actor, or the actor would give more than he has.
        RuleViolation: it is the built-in user, or the actor would lock himself out.
        Conflict: another user has this address.
    """
    _check_manage(actor, user)
    email = normalise_email(email)
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        before = {"email": row.email, "name": row.name, "is_active": row.is_active}
        after = {"email": email, "name": name, "is_active": is_active}
        had = set(row.groups.exclude(name__in=Role.values))
        stood = standing_of(row)
        if row.pk == actor.pk and (not is_active or stood != standing):
            raise RuleViolation("You cannot switch yourself off or change your own role; ask another administrator")
        if stood != standing:
            _check_grant(actor, standing, ())
            if not _may_make(actor, stood):
                raise AccessDenied("Only superusers may take that from somebody")
        _check_grant(actor, USER, set(groups) - had)
        if email != row.email and User.objects.filter(email=email).exists():
            raise Conflict(f"There is a user of the address {email} already")
        changed = [field for field, value in after.items() if before[field] != value]
        for field in changed:
            setattr(row, field, after[field])
        if "is_active" in changed and not is_active:
            row.sign_in_salt = secrets.token_hex(16)
        row.save()
        if stood != standing:
            _stand(row, standing)
            changed.append("standing")
        if had != set(groups):
            row.groups.remove(*(had - set(groups)))
            row.groups.add(*(set(groups) - had))
            changed.append("groups")
        if changed:
            detail = {"changed": changed, "standing": [stood, standing]} if stood != standing else {"changed": changed}
            word = "user.changed"
            if "is_active" in changed:
                word = "user.activated" if is_active else "user.deactivated"
            audit(word, actor=actor, target=row, detail=detail, address=address)
    user.refresh_from_db()
    return changed


def sign_out_everywhere(user: User, *, actor: User, address: str | None = None) -> None:
    """End every session and every access token of a user; the password stays, and so do API keys.

    Raises:
        AccessDenied: the user may more than the actor.
        RuleViolation: it is the built-in user.
    """
    _check_manage(actor, user)
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(sign_in_salt=secrets.token_hex(16))
        audit("user.signed_out_everywhere", actor=actor, target=user, address=address)


def _stand(user: User, standing: str) -> None:
    user.is_superuser = standing == SUPERUSER
    user.is_staff = standing != USER
    user.save(update_fields=["is_superuser", "is_staff"])
    give_role(user, Role(standing) if standing in Role.values else None)


def _check_manage(actor: User, user: User) -> None:
    if user.is_local:
        raise RuleViolation("The built-in user local stays as it is")
    if not may_manage(actor, user):
        raise AccessDenied("This user may do more than you; a superuser can change him")


def _may_make(actor: User, standing: str) -> bool:
    if actor.is_superuser or standing in (USER, STAFF):
        return True
    return standing in Role.values and may_grant(actor, _rights(Group.objects.filter(name=standing)))


def _check_grant(actor: User, standing: str, groups: Iterable[Group]) -> None:
    if not _may_make(actor, standing):
        raise AccessDenied(f"You may not make somebody {standing}: nobody gives more than he has")
    for group in groups:
        if not may_grant(actor, _rights([group])):
            raise AccessDenied(f"You may not put somebody into the group {group.name}: it may more than you")


def _rights(groups: Iterable[Group]) -> set[str]:
    found = Permission.objects.filter(group__in=list(groups)).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in found}
