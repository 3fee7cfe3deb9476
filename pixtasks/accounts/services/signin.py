"""Signing in, staying signed in, signing out (CONTRACT J03-J05)."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db import transaction
from django.http import HttpRequest
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings

from pixtasks.accounts.models import User, normalise_email
from pixtasks.accounts.tokens import AccessToken, RefreshToken, end_sign_in
from pixtasks.common.errors import NotAuthenticated
from pixtasks.common.throttles import SlotLimit

from .audit import audit

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in hands out; ``expires_in`` is the life of the access token in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


def _tokens(refresh: RefreshToken) -> Tokens:
    life = api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()
    return Tokens(access_token=str(refresh.access_token), refresh_token=str(refresh), expires_in=int(life))


def verified(*, email: str, password: str, address: str, request: HttpRequest | None = None) -> User:
    """Return the active user of this address and password, and note the sign-in.

    Attempts are limited by account and by address. A slot is taken before the password is looked at, so that
    attempts at the same time are counted too, and given back when it was right.

    Raises:
        NotAuthenticated: no active user has this address and password; the message does not say which was wrong.
        RateLimited: too many failed attempts.
    """
    by_address = SlotLimit("login_address").take(address)
    by_account = SlotLimit("login_account").take(normalise_email(email))
    user = authenticate(request, email=normalise_email(email), password=password)
    if not isinstance(user, User):
        logger.warning("sign_in_failed", address=address)
        raise NotAuthenticated("Incorrect email or password")
    by_account.give_back()
    by_address.give_back()
    with transaction.atomic():
        update_last_login(User, user)
        audit("signed_in", actor=user, target=user, address=address)
    return user


def sign_in(*, email: str, password: str, address: str, request: HttpRequest | None = None) -> Tokens:
    """Return the tokens of a new sign-in.

    Raises:
        NotAuthenticated, RateLimited: as for :func:`verified`.
    """
    return _tokens(RefreshToken.begin(verified(email=email, password=password, address=address, request=request)))


def renew(*, refresh_token: str) -> Tokens:
    """Return new tokens for a refresh token, which is refused afterwards.

    Raises:
        NotAuthenticated: the token is malformed, expired or used, or its user may not sign in any more.
    """
    try:
        token = RefreshToken(refresh_token)  # type: ignore[arg-type]
        user = token.user()
        if user is None:
            raise NotAuthenticated("The refresh token is not valid any more; please sign in again")
        return _tokens(token.spend(user))
    except TokenError as error:
        raise NotAuthenticated(str(error)) from error


def sign_out(*, user: User, token: AccessToken, address: str) -> None:
    """Refuse every token of this sign-in from now on."""
    with transaction.atomic():
        end_sign_in(token, user)
        audit("signed_out", actor=user, target=user, address=address)
