"""Database work beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
R = TypeVar("R")

# Sign-ins and replays of all clients share these; the feed has a thread of its own, so that it never waits for them.
_pool = ThreadPoolExecutor(4, thread_name_prefix="realtime")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that may wait for the database, without holding the event loop up."""
    return await asyncio.get_running_loop().run_in_executor(_pool, lambda: _call(function, *args, **kwargs))


def _call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    # What Django does around a request: connections that broke or are too old are replaced.
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
