"""What endpoints can be narrowed to besides tasks: each kind is registered by the app that knows it.

The ledger knows no projects. An endpoint holds a scope as a text, ``project:12``; the app above it says here who may
listen to it, and its handlers say which scope a task belongs to (``Handler.scopes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pixtasks.common.errors import RuleViolation
from pixtasks.common.registry import Registry

if TYPE_CHECKING:
    from pixtasks.accounts.models import User


class ScopeKind(Protocol):
    """One kind of scope."""

    name: str
    """The word before the colon."""

    def check(self, user: User, number: int) -> None:
        """Look whether a user may listen to this one.

        Raises:
            NotFound: there is none of that number.
            AccessDenied: it is somebody else's.
        """


scope_kinds: Registry[ScopeKind] = Registry("webhook scope", required=("name", "check"))


def checked_scope(user: User, kind: str, number: int) -> str:
    """Return the text of a scope that the user may listen to.

    Raises:
        RuleViolation: this installation has no such kind.
        NotFound, AccessDenied: as the kind's check.
    """
    found = scope_kinds.get(kind)
    if found is None:
        raise RuleViolation(f"This installation knows no scope {kind!r}; known are: {', '.join(scope_kinds.names())}")
    found.check(user, number)
    return f"{kind}:{number}"


def number_of(scope: str, kind: str) -> int | None:
    """Return the number in a scope's text, None where it is of another kind or empty."""
    word, _, number = scope.partition(":")
    return int(number) if word == kind and number.isdigit() else None
