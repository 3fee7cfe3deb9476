"""What can go wrong between a program and the task service.

::

    TaskServiceError
    ├── AuthenticationFailed  401  the key is missing, wrong or expired
    ├── Forbidden             403  the task is somebody else's, or the handler refuses this caller
    ├── NotFound              404
    ├── InvalidRequest        400, 413, 415, 422  what was sent cannot be accepted; ``errors`` has one entry per fault
    ├── Conflict              409
    ├── RateLimited           429  still, after all tries; ``retry_after`` seconds
    ├── Unavailable           503 or no connection, still, after all tries
    └── Timeout               no answer in time, or a task that did not end in time
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class TaskServiceError(Exception):
    """The task service could not do what it was asked to.

    Attributes:
        message: a sentence of the service, or of this client.
        status: the HTTP status, None where there was no answer.
        retry_after: seconds that the service asks to wait, None where it says nothing.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        self.message = message
        self.status = status
        self.retry_after = retry_after
        super().__init__(message)


class AuthenticationFailed(TaskServiceError):
    """The API key is missing, wrong or expired."""


class Forbidden(TaskServiceError):
    """The task belongs to somebody else, or its handler does not take it from this caller."""


class NotFound(TaskServiceError):
    """There is no such task."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault of what was sent: where, what, and the machine-readable kind."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class InvalidRequest(TaskServiceError):
    """What was sent cannot be accepted, and will not be when it is sent again.

    Attributes:
        errors: one entry per fault where the service names them.
    """

    def __init__(self, message: str, *, errors: tuple[FieldFault, ...] = (), status: int | None = None) -> None:
        self.errors = errors
        super().__init__(message, status=status)


class Conflict(TaskServiceError):
    """The request conflicts with what is there."""


class RateLimited(TaskServiceError):
    """Too many requests, and still too many after all tries."""


class Unavailable(TaskServiceError):
    """The service cannot be reached, or something it needs is away."""


class Timeout(TaskServiceError):
    """There was no answer in time, or a task that was waited for has not ended in time."""


_CLASSES: dict[int, type[TaskServiceError]] = {
    401: AuthenticationFailed,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
    503: Unavailable,
}
_INVALID = frozenset({400, 405, 411, 413, 415, 422})


def error_of(status: int, body: object, retry_after: float | None = None) -> TaskServiceError:
    """Return the error that an answer means.

    Args:
        status: of the answer.
        body: the decoded JSON, or None where it was none.
        retry_after: seconds.
    """
    detail = body.get("detail") if isinstance(body, Mapping) else None
    faults = tuple(_fault(entry) for entry in detail if isinstance(entry, Mapping)) if isinstance(detail, list) else ()
    if faults:
        message = "; ".join(f"{'.'.join(map(str, fault.loc))}: {fault.msg}" for fault in faults)
    else:
        message = detail if isinstance(detail, str) else f"The task service answered with HTTP {status}"
    if status in _INVALID:
        return InvalidRequest(message, errors=faults, status=status)
    return _CLASSES.get(status, TaskServiceError)(message, status=status, retry_after=retry_after)


def _fault(entry: Mapping[str, Any]) -> FieldFault:
    loc = entry.get("loc")
    return FieldFault(
        loc=tuple(loc) if isinstance(loc, list) else (), msg=str(entry.get("msg", "")), type=str(entry.get("type", ""))
    )
