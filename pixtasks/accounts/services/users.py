"""Users and API keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from pixtasks.accounts.models import LOCAL_EMAIL, ApiKey, User, normalise_email
from pixtasks.accounts.roles import Role, give_role
from pixtasks.common.errors import FieldError, InvalidInput, NotFound, RuleViolation

from .audit import audit


def local_user() -> User:
    """Return the built-in user ``local``, made at its first use: staff, and nobody can sign in as it."""
    user = User.objects.filter(email=LOCAL_EMAIL).first()
    if user is None:
        try:
            with transaction.atomic():
                user = User.objects.create_user(LOCAL_EMAIL, None, name="local", is_staff=True)
        except IntegrityError:  # Another request made it at the same moment.
            user = User.objects.get(email=LOCAL_EMAIL)
    return user


def ensure_user(
    *,
    email: str,
    password: str | None,
    is_staff: bool | None = None,
    role: Role | None = None,
    actor: User | None = None,
) -> tuple[User, str]:
    """Make the user, or bring it to this password and role; running it again changes nothing.

    Args:
        email: the address that signs in.
        password: None keeps the present one.
        is_staff: without a role staff are superusers, and no staff have no role; None keeps what is there.
        role: of staff who are no superusers.
        actor: who asked; None is the command line.

    Returns:
        The user and ``created``, ``updated`` or ``unchanged``.

    Raises:
        InvalidInput: the address is not one, the password is too weak, or a new user would have none.
        RuleViolation: it is the built-in user.
    """
    email = normalise_email(email)
    if email == LOCAL_EMAIL:
        raise RuleViolation("The built-in user local cannot sign in; choose another address.")
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidInput(FieldError(("email",), "; ".join(error.messages), "value_error.email")) from error
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=email).first()
        if user is None:
            if not password:
                raise InvalidInput(FieldError(("password",), "a new user needs a password", "value_error.missing"))
            check_password(password, User(email=email))
            everything = bool(is_staff) and role is None
            user = User.objects.create_user(email, password, is_staff=bool(is_staff), is_superuser=everything)
            outcome, changed = "created", ["password"]
        else:
            changed = _bring_to(user, password, is_staff, everything=bool(is_staff) and role is None)
            outcome = "updated" if changed else "unchanged"
        if is_staff is not None and give_role(user, role) and outcome != "created":
            outcome, changed = "updated", [*changed, "role"]
        if changed:
            detail = {"changed": changed, "is_staff": user.is_staff, "is_superuser": user.is_superuser}
            audit(f"user.{outcome}", actor=actor, target=user, detail=detail | ({"role": role} if role else {}))
    return user, outcome


def _bring_to(user: User, password: str | None, is_staff: bool | None, *, everything: bool) -> list[str]:
    changed = []
    if password and not user.check_password(password):
        check_password(password, user)
        user.set_password(password)
        changed.append("password")
    if is_staff is not None and (user.is_staff, user.is_superuser) != (is_staff, everything):
        user.is_staff, user.is_superuser = is_staff, everything
        changed.append("is_staff")
    if not user.is_active:
        user.is_active = True
        changed.append("is_active")
    if changed:
        user.save()
    return changed


def check_password(password: str, user: User) -> None:
    """Look whether a password is strong enough.

    Raises:
        InvalidInput: it is not; the message says why.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(FieldError(("password",), " ".join(error.messages), "value_error.password")) from error


def create_api_key(
    *,
    owner: User,
    name: str,
    scopes: Iterable[str] = (),
    expires_at: datetime | None = None,
    actor: User | None = None,
    address: str | None = None,
) -> tuple[ApiKey, str]:
    """Make an API key.

    Returns:
        The row, and the key itself: it is shown this once and stored as a hash only.
    """
    with transaction.atomic():
        key, text = ApiKey.objects.create_key(
            owner=owner, name=name, scopes=sorted(set(scopes)), expiry_date=expires_at
        )
        detail = {"prefix": key.prefix, "name": name, "scopes": key.scopes, "owner": owner.email}
        audit("apikey.created", actor=actor, target=key, detail=detail, address=address)
    return key, text


def revoke_api_key(*, key: ApiKey, actor: User | None, address: str | None = None) -> ApiKey:
    """Refuse the key from now on; doing it twice changes nothing.

    Raises:
        NotFound: the key was deleted meanwhile.
    """
    with transaction.atomic():
        row: ApiKey | None = ApiKey.objects.select_for_update().filter(pk=key.pk).first()
        if row is None:
            raise NotFound("API key not found")
        if not row.revoked:
            row.revoked = True
            row.save(update_fields=["revoked"])
            audit("apikey.revoked", actor=actor, target=row, detail={"prefix": row.prefix}, address=address)
    return row
