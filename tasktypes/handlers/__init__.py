"""Handlers: what this product can run, by permanent name.

To add one, subclass :class:`Handler` and decorate it with ``@register``; it then appears in every list, form and
command, and Celery knows it under the same name (CONTRACT C13).
"""

from __future__ import annotations

from tasktypes.handlers.base import (
    AnyTask,
    Claimed,
    Context,
    EndedTask,
    GroupHook,
    Handler,
    LeaseLost,
    PermanentFailure,
    Postponed,
    Scope,
    TaskCancelled,
    TimeLimitPassed,
    WorkerStopping,
)
from tasktypes.handlers.registry import group_hooks, handlers, register, register_group_hook

__all__ = [
    "AnyTask",
    "Claimed",
    "Context",
    "EndedTask",
    "GroupHook",
    "Handler",
    "LeaseLost",
    "PermanentFailure",
    "Postponed",
    "Scope",
    "TaskCancelled",
    "TimeLimitPassed",
    "WorkerStopping",
    "group_hooks",
    "handlers",
    "register",
    "register_group_hook",
]
