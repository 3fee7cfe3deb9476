"""The domain's errors: one tree, raised by services, rendered by the dialects.

The docstring of a class is its default sentence for the user::

    PixtasksError
    ├── InvalidInput       422  wrong form; carries one FieldError per fault
    ├── RuleViolation      400  right form, but not allowed now
    ├── NotAuthenticated   401
    ├── AccessDenied       403
    ├── NotFound           404
    ├── Conflict           409
    ├── PayloadTooLarge    413
    ├── RateLimited        429  carries retry_after seconds
    └── Unavailable        503  something we need is down; carries retry_after
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final


class PixtasksError(Exception):
    """The request could not be carried out."""

    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        super().__init__(self.message)


_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of a body or query: where, what, and the machine-readable kind."""

    loc: tuple[str | int, ...]
    msg: str
    type: str = "value_error"

    def __post_init__(self) -> None:
        """Cut what a client may have made a megabyte long."""
        if any(isinstance(part, str) and len(part) > _LONGEST_NAME for part in self.loc):
            cut = tuple(part[:_LONGEST_NAME] if isinstance(part, str) else part for part in self.loc)
            object.__setattr__(self, "loc", cut)

    def as_dict(self) -> dict[str, object]:
        """Return ``{"loc": […], "msg": …, "type": …}`` as CONTRACT X11 shows it."""
        return {"loc": list(self.loc), "msg": self.msg, "type": self.type}


MOST_FAULTS: Final = 100
"""So many faults of one input are told: a body of a megabyte can hold a hundred thousand."""


def first_faults(errors: list[FieldError], count: int | None = None) -> list[FieldError]:
    """Return the first faults, and one that says how many there are besides.

    Args:
        errors: the faults, or the first of them.
        count: how many there are in all, where these are not all.
    """
    more = (len(errors) if count is None else count) - MOST_FAULTS
    if more <= 0:
        return errors
    where = errors[0].loc[:1]
    return [*errors[:MOST_FAULTS], FieldError(where, f"and {more} more faults", "value_error.more")]


class InvalidInput(PixtasksError):
    """The input is not valid."""

    status = 422

    def __init__(self, errors: Iterable[FieldError] | FieldError) -> None:
        found = [errors] if isinstance(errors, FieldError) else list(errors)
        # One more is the line that says how many more there are.
        self.errors = found if len(found) <= MOST_FAULTS + 1 else first_faults(found)
        super().__init__("; ".join(f"{'.'.join(map(str, e.loc))}: {e.msg}" for e in self.errors))


class RuleViolation(PixtasksError):
    """That is not allowed in the present state."""

    status = 400


class NotAuthenticated(PixtasksError):
    """Authentication credentials were not provided or are not valid."""

    status = 401


class AccessDenied(PixtasksError):
    """Access denied to this resource"""

    status = 403


class NotFound(PixtasksError):
    """Not found"""

    status = 404


class Conflict(PixtasksError):
    """The request conflicts with what is there."""

    status = 409


class PayloadTooLarge(PixtasksError):
    """The request body is too large."""

    status = 413


class RateLimited(PixtasksError):
    """Too many requests; please wait before retrying."""

    status = 429

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unavailable(PixtasksError):
    """A service that this request needs is not available; please retry later."""

    status = 503

    def __init__(self, message: str | None = None, *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)
