"""Users and keys for tests."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.test import Client

from pixtasks.accounts.models import ApiKey, User
from pixtasks.accounts.roles import Role, give_role
from pixtasks.accounts.services.users import create_api_key

PASSWORD = "correct horse battery"
_numbers = count(1)


def make_user(*, role: Role | None = Role.OPERATOR, **fields: Any) -> User:
    """Insert a user with ``PASSWORD``.

    Args:
        role: of staff who are no superusers.
    """
    email = fields.pop("email", f"user{next(_numbers)}@example.com")
    user = User.objects.create_user(email, PASSWORD, **fields)
    if user.is_staff and not user.is_superuser and role is not None:
        give_role(user, role)
    return user


def make_key(owner: User, *scopes: str, **fields: Any) -> tuple[ApiKey, str]:
    """Insert an API key of that owner."""
    return create_api_key(owner=owner, name="test", scopes=scopes, **fields)


def sign_in(user: User, client: Client | None = None) -> dict[str, Any]:
    """Return the body of a login."""
    response = (client or Client()).post(
        "/api/v1/auth/login", {"email": user.email, "password": PASSWORD}, content_type="application/json"
    )
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries an access token."""
    return {"authorization": f"Bearer {token}"}
