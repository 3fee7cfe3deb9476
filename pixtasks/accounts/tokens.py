"""JSON Web Tokens of a sign-in (RFC 7519): short access tokens, refresh tokens that are used once.

All tokens of one sign-in carry the same ``sid``. Signing out blacklists that, so every token of the sign-in is
refused afterwards. They also carry a digest of the password's hash: a new password ends every sign-in. Live tokens
are stored nowhere; a row exists only for what was blacklisted.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import Any, Self

from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken as BaseAccessToken
from rest_framework_simplejwt.tokens import BlacklistMixin, Token
from rest_framework_simplejwt.tokens import RefreshToken as BaseRefreshToken
from rest_framework_simplejwt.utils import datetime_from_epoch

from .models import User

SIGN_IN_CLAIM = "sid"
PASSWORD_CLAIM = "pwd"  # noqa: S105 -- the name of a claim


def _password_digest(user: User) -> str:
    return user.get_session_auth_hash()[:16]


class SignInMixin(BlacklistMixin):
    """What access and refresh tokens share: the blacklist of the token and of its sign-in."""

    def verify(self, *args: Any, **kwargs: Any) -> None:
        """Check the claims.

        Raises:
            TokenError: one is missing, wrong, or of a form that the library does not expect.
        """
        try:
            super().verify(*args, **kwargs)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise TokenError("Token has malformed claims") from error

    def check_blacklist(self) -> None:
        """Refuse a token that was spent, and every token of a sign-in that was ended.

        Raises:
            TokenError: the token is blacklisted.
        """
        ids = [self.payload[api_settings.JTI_CLAIM], self.payload.get(SIGN_IN_CLAIM)]
        if BlacklistedToken.objects.filter(token__jti__in=[one for one in ids if one]).exists():
            raise TokenError("Token is blacklisted")

    def user(self) -> User | None:
        """Return the user, or None: gone, inactive, or with another password than at the sign-in."""
        identity = str(self.payload.get(api_settings.USER_ID_CLAIM, ""))
        if not identity.isdecimal():
            return None
        user = User.objects.filter(pk=identity, is_active=True).first()
        if user is None:
            return None
        known = str(self.payload.get(PASSWORD_CLAIM, ""))
        return user if secrets.compare_digest(known.encode(), _password_digest(user).encode()) else None


class AccessToken(SignInMixin, BaseAccessToken):
    """What a request carries; valid for 3600 s (CONTRACT J04)."""


class RefreshToken(SignInMixin, BaseRefreshToken):
    """What a new pair of tokens is bought with, once."""

    access_token_class = AccessToken

    @classmethod
    def begin(cls, user: User) -> Self:
        """Return the first refresh token of a new sign-in.

        The library's ``for_user`` would store the live token as text.
        """
        token = cls()
        token[api_settings.USER_ID_CLAIM] = str(user.pk)
        token[SIGN_IN_CLAIM] = uuid.uuid4().hex
        token[PASSWORD_CLAIM] = _password_digest(user)
        return token

    def spend(self, user: User) -> Self:
        """Blacklist this token and return its successor.

        Raises:
            TokenError: another request spent it first.
        """
        with transaction.atomic():
            if not _blacklist(self.payload[api_settings.JTI_CLAIM], user, self):
                raise TokenError("Token is blacklisted")
            successor = type(self)()
            for claim, value in self.payload.items():
                if claim not in self.no_copy_claims:
                    successor[claim] = value
        return successor


def end_sign_in(token: Token, user: User) -> None:
    """Refuse every token of the sign-in that this token belongs to, from now on."""
    refresh_end = token.current_time + api_settings.REFRESH_TOKEN_LIFETIME
    _blacklist(str(token.payload[SIGN_IN_CLAIM]), user, token, expires_at=refresh_end)


def _blacklist(jti: str, user: User, token: Token, *, expires_at: datetime | None = None) -> bool:
    """Return whether this call was the one that blacklisted it."""
    outstanding, _ = OutstandingToken.objects.get_or_create(
        jti=jti,
        defaults={
            "user": user,
            "token": "",
            "created_at": token.current_time,
            "expires_at": expires_at or datetime_from_epoch(token.payload["exp"]),
        },
    )
    _, created = BlacklistedToken.objects.get_or_create(token=outstanding)
    return created
