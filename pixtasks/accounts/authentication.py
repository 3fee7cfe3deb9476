"""Who calls: bearer token, API key, session; and the built-in user ``local`` where nobody has to say (CONTRACT X07).

J uses the defaults of the settings. C, R, D and G use ``OPEN_AUTHENTICATION``. Credentials that are wrong are a 401
in every dialect; only missing ones may become ``local``, and only while ``PIXTASKS_ANONYMOUS_API`` is on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError

from pixtasks.common.dialects import AUTHENTICATE_HEADER

from .models import ApiKey, Scope, User
from .roles import ONLY_LOOKS, only_looks
from .services.users import local_user
from .tokens import AccessToken

API_KEY_HEADER = "X-API-Key"
_LAST_USE_STEP = timedelta(minutes=1)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class BearerAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <access token>`` (RFC 6750)."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """Return the user and the token.

        Raises:
            AuthenticationFailed: another scheme, or a token that is malformed, expired, blacklisted or without user.
        """
        header = request.headers.get("Authorization", "").strip()
        if not header:
            return None
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer" or not text.strip() or " " in text.strip():
            raise AuthenticationFailed("The Authorization header must be: Bearer <access token>")
        user, token = user_of_token(text.strip())
        _refuse_viewers(request, user)
        return user, token

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return AUTHENTICATE_HEADER


def user_of_token(text: str) -> tuple[User, AccessToken]:
    """Return the user of an access token; WebSockets use this too.

    Raises:
        AuthenticationFailed: the token is malformed, expired or blacklisted, or its user may not sign in any more.
    """
    try:
        token = AccessToken(text)  # type: ignore[arg-type]
    except TokenError as error:
        raise AuthenticationFailed(str(error)) from error
    user = token.user()
    if user is None:
        raise AuthenticationFailed("The user of this token is gone or inactive, or has a new password")
    return user, token


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """``X-API-Key: <prefix>.<secret>``; the caller is the key's owner and ``request.auth`` the key."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return the owner and the key.

        Raises:
            AuthenticationFailed: the key is unknown, revoked or expired, or its owner is inactive.
            PermissionDenied: it may only read and this request writes. Asked here, because every view of every
                dialect comes through here and none can forget it.
        """
        text = request.headers.get(API_KEY_HEADER)
        if text is None:
            return None
        user, key = user_of_key(text)
        if key.has_scope(Scope.READ) and request.method not in _SAFE_METHODS:
            raise PermissionDenied(f"This API key may only read (scope read); {request.method} needs another key")
        _refuse_viewers(request, user)
        return user, key

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return AUTHENTICATE_HEADER


def user_of_key(text: str) -> tuple[User, ApiKey]:
    """Return the owner of an API key and the key; notes its last use at most once a minute.

    Raises:
        AuthenticationFailed: the key is unknown, revoked or expired, or its owner is inactive.
    """
    prefix, _, secret = text.strip().partition(".")
    key = None
    if secret and "\x00" not in prefix:
        key = ApiKey.objects.select_related("owner").filter(prefix=prefix, revoked=False).first()
    if key is None or not key.is_valid(text.strip()):
        raise AuthenticationFailed("The API key is not valid")
    if key.has_expired:
        raise AuthenticationFailed("The API key has expired")
    if not key.owner.is_active:
        raise AuthenticationFailed("The owner of this API key is inactive")
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > _LAST_USE_STEP:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _LAST_USE_STEP)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return key.owner, key


def _refuse_viewers(request: Request, user: User) -> None:
    """Let staff who do not operate only look, in every dialect, as every view of each comes through here.

    Views with ``for_viewers`` are about the caller's own account.

    Raises:
        PermissionDenied: the request writes.
    """
    view = request.parser_context.get("view")
    if request.method not in _SAFE_METHODS and not getattr(view, "for_viewers", False) and only_looks(user):
        raise PermissionDenied(ONLY_LOOKS)


class SessionAuthentication(authentication.SessionAuthentication):
    """The console's session cookie; every writing request needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the session's user.

        Raises:
            PermissionDenied: the CSRF token is missing, or a viewer writes.
        """
        found: tuple[Any, None] | None = super().authenticate(request)
        if found is not None:
            _refuse_viewers(request, found[0])
        return found

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return AUTHENTICATE_HEADER


class OpenSessionAuthentication(SessionAuthentication):
    """A session in C, R, D and G: without a CSRF token it counts as ``local`` there (CONTRACT X67).

    That holds for reading too: what a page started as ``local`` it can also ask for.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the session's user, or None where the caller is to be ``local``."""
        if settings.PIXTASKS_ANONYMOUS_API and not request.META.get(settings.CSRF_HEADER_NAME):
            return None
        return super().authenticate(request)


class AnonymousLocalAuthentication(authentication.BaseAuthentication):
    """Nobody said who calls: ``local``, while ``PIXTASKS_ANONYMOUS_API`` is on."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return ``local``, or None where credentials are needed."""
        if not settings.PIXTASKS_ANONYMOUS_API or not _from_here(request):
            return None
        return local_user(), None


def _from_here(request: Request) -> bool:
    """Whether a writing request comes from a page of ours, or from no page at all.

    ``local`` needs no credentials, so a browser would lend it to any web page that posts to this machine.
    """
    if request.method in _SAFE_METHODS:
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}
    if origin in settings.CORS_ALLOWED_ORIGINS or origin in getattr(settings, "CSRF_TRUSTED_ORIGINS", ()):
        return True
    return urlsplit(origin).netloc == request.get_host()


OPEN_AUTHENTICATION = (
    BearerAuthentication,
    ApiKeyAuthentication,
    OpenSessionAuthentication,
    AnonymousLocalAuthentication,
)
"""For ``authentication_classes`` of the views of C, R, D and G."""


def has_scope(request: Request, scope: str) -> bool:
    """Whether the request came with an API key of that scope."""
    return isinstance(request.auth, ApiKey) and request.auth.has_scope(scope)
