"""Telling trouble of the machine or the database from a fault of what runs on them: it passes, and nobody is to blame.

A task that meets it waits and keeps its retries; a request is answered 503.
"""

from __future__ import annotations

import errno
from typing import Final

from django.db import Error, InterfaceError, OperationalError

_USED_UP: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})
# SQLSTATE: connection exception, insufficient resources, operator intervention, system error; none = the connection
# broke before the server could say anything.
_CLASSES: Final = ("08", "53", "57", "58")
_SQLITE: Final = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY")


def is_passing(error: BaseException) -> bool:
    """Return whether the same work may well succeed once somebody has cleared up or a service is back."""
    if isinstance(error, Error):
        return _is_database_down(error)
    return isinstance(error, OSError) and error.errno in _USED_UP


def is_used_up(error: BaseException) -> bool:
    """Return whether an operating system's call failed because disk, file descriptors or the like are used up."""
    return isinstance(error, OSError) and error.errno in _USED_UP


def _is_database_down(error: Error) -> bool:
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__
    name = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(_SQLITE)
    state = getattr(cause, "sqlstate", None)
    return state is None or str(state).startswith(_CLASSES)
