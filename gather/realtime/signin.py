"""Who listens: session, access token or API key, and ``local`` where nobody has to say (CONTRACT X07, X49, X67)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed

from pixtasks.accounts.authentication import user_of_key, user_of_token
from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import local_user


class Kind(StrEnum):
    """What a caller showed."""

    TOKEN = "token"  # noqa: S105 -- a word
    KEY = "key"
    SESSION = "session"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller showed, kept to ask again whether it is still good."""

    kind: Kind
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who listens.

    Attributes:
        owners: the users whose tasks are pushed: the caller, and ``local`` besides for a page of an installation
            whose API is anonymous, since what such a page starts belongs to ``local`` (CONTRACT X67).
    """

    user: int
    name: str
    is_staff: bool
    owners: frozenset[int]
    credential: Credential


class Refused(Exception):
    """The credential leads to nobody who may sign in."""


def credential_of(text: str) -> Credential:
    """Return what a ``token`` is: an access token has two dots, an API key has one."""
    return Credential(Kind.TOKEN if text.count(".") == 2 else Kind.KEY, text.strip())


def shown(headers: Mapping[str, str], token: str | None) -> list[Credential]:
    """Return what a connection shows of itself, the first that counts first.

    Raises:
        Refused: an Authorization header that is not one.
    """
    if token is not None:
        return [credential_of(token)]
    if authorization := headers.get("authorization", "").strip():
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer" or not text.strip() or " " in text.strip():
            raise Refused("The Authorization header must be: Bearer <access token>")
        return [Credential(Kind.TOKEN, text.strip())]
    if "x-api-key" in headers:
        return [Credential(Kind.KEY, headers["x-api-key"])]
    found = []
    session = _cookie(headers.get("cookie", ""), settings.SESSION_COOKIE_NAME)
    if session:
        found.append(Credential(Kind.SESSION, session))
    if settings.PIXTASKS_ANONYMOUS_API:
        found.append(Credential(Kind.ANONYMOUS))
    return found


def sign_in(credentials: list[Credential]) -> Caller | None:
    """Return the caller of the first credential that is good; None where nothing was shown (waits for the database).

    Raises:
        Refused: a token or key that is not good; a session that has ended counts as nothing.
    """
    for credential in credentials:
        try:
            return resolve(credential)
        except Refused:
            if credential.kind != Kind.SESSION:
                raise
    return None


def resolve(credential: Credential) -> Caller:
    """Return who a credential leads to now (waits for the database).

    Raises:
        Refused: to nobody, or to somebody who may not sign in any more.
    """
    try:
        user = _user(credential)
    except AuthenticationFailed as error:
        raise Refused(str(error.detail)) from error
    owners = {user.pk}
    if credential.kind == Kind.SESSION and settings.PIXTASKS_ANONYMOUS_API:
        owners.add(local_user().pk)
    return Caller(user.pk, user.get_short_name(), user.is_staff, frozenset(owners), credential)


def _user(credential: Credential) -> User:
    match credential.kind:
        case Kind.TOKEN:
            return user_of_token(credential.text)[0]
        case Kind.KEY:
            return user_of_key(credential.text)[0]
        case Kind.SESSION:
            return _user_of_session(credential.text)
        case Kind.ANONYMOUS:
            if not settings.PIXTASKS_ANONYMOUS_API:
                raise Refused("Sign in: the anonymous API is off")
            return local_user()


def _user_of_session(key: str) -> User:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user: Any = get_user(request)
    if not user.is_authenticated:
        raise Refused("The session has ended")
    return user


def _cookie(header: str, name: str) -> str:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
