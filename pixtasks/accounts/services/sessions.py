"""Sessions of the pages: signing in with a cookie, signing out, a new password."""

from __future__ import annotations

from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from pixtasks.accounts.models import User
from pixtasks.common.errors import FieldError, InvalidInput, NotAuthenticated
from pixtasks.common.throttles import SlotLimit

from .audit import audit
from .signin import verified


def begin_session(request: HttpRequest, *, email: str, password: str, address: str) -> User:
    """Sign in by cookie: the session gets a new key, so that one that was planted before is worth nothing.

    Raises:
        NotAuthenticated, RateLimited: as for :func:`pixtasks.accounts.services.signin.verified`, whose limits it
            shares.
    """
    user = verified(email=email, password=password, address=address, request=request)
    login(request, user)
    return user


def end_session(request: HttpRequest, *, address: str) -> None:
    """Sign out; the session and all it holds are gone. Somebody who is not signed in stays so."""
    user = request.user
    if isinstance(user, User):
        audit("signed_out", actor=user, target=user, address=address)
    logout(request)


def change_password(request: HttpRequest, *, old: str, new: str, address: str) -> None:
    """Give the signed-in user a new password. This session stays, every other one and every token ends.

    Wrong guesses of the old password count as failed sign-ins of the account.

    Raises:
        NotAuthenticated: nobody is signed in.
        InvalidInput: the old password is wrong (``loc`` is ``("old",)``), or the new one too weak (``("new",)``).
        RateLimited: too many wrong guesses.
    """
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated
    slot = SlotLimit("login_account").take(user.email)
    if not user.check_password(old):
        raise InvalidInput(FieldError(("old",), "This is not your present password.", "value_error.password"))
    slot.give_back()
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise InvalidInput(FieldError(("new",), " ".join(error.messages), "value_error.password")) from error
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        audit("user.password_changed", actor=user, target=user, address=address)
    update_session_auth_hash(request, user)
