"""The registries of handlers and group hooks."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pixtasks.common.registry import Registry
from tasktypes.handlers.base import GroupHook, Handler

handlers: Registry[Handler[Any]] = Registry("handler", required=("name", "Params", "run"))
group_hooks: Registry[GroupHook] = Registry("group hook", required=("name", "on_settled"))

_NAME = re.compile(r"[A-Za-z0-9_.]{1,200}")
# Words that are routes beside {task_id} (CONTRACT X44).
RESERVED_NAMES = frozenset({"stats", "launch", "new-action", "claim", "batch", "history"})

HandlerClass = TypeVar("HandlerClass", bound="type[Handler[Any]]")
HookClass = TypeVar("HookClass", bound="type[GroupHook]")


def register(cls: HandlerClass) -> HandlerClass:
    """Register a handler class (decorator).

    Raises:
        ValueError: the name has other characters than letters, digits, ``_`` and ``.``, is reserved, or is taken.
    """
    if not _NAME.fullmatch(cls.name) or cls.name in RESERVED_NAMES:
        raise ValueError(f"{cls.name!r} cannot name a handler: use letters, digits, '_' and '.', and no route's word")
    handlers.register(cls())
    return cls


def register_group_hook(cls: HookClass) -> HookClass:
    """Register what shall happen when a group of one kind settles (decorator)."""
    group_hooks.register(cls())
    return cls
