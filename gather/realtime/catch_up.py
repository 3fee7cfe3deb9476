"""Going on where a client left off, first from the tables, then live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from django.db import DatabaseError, InterfaceError

from gather.realtime.frames import Frame
from gather.realtime.hub import Hub, Positions, framed
from gather.realtime.listener import Listener
from gather.realtime.sources import FAR_BACK, SOURCES, Audience, Position
from gather.realtime.threads import in_thread

logger = logging.getLogger(__name__)

WINDOW: Final = 5000
"""So many ids are looked through at a time: a question stays short, however few of them are the client's."""
_NEAR: Final = 2 * WINDOW
_RETRY_SECONDS: Final = 1.0
R = TypeVar("R")


class TooFarBack(Exception):
    """The cursor is older than what may be resumed."""


async def patiently(ask: Callable[[], Awaitable[R]]) -> R:
    """Ask the database again until it answers."""
    while True:
        try:
            return await ask()
        except (DatabaseError, InterfaceError, OSError) as error:
            logger.warning("a client that resumes waits for the database: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)


async def join(
    hub: Hub, listener: Listener, since: tuple[int, ...] | None, send: Callable[[Frame], Awaitable[None]]
) -> Positions:
    """Let a client hear everything after a cursor, each line once; return where the live part begins.

    Args:
        since: the ids of the cursor; None for live lines alone.
        send: sends one line from the tables; live lines wait in the listener's queue meanwhile.

    Raises:
        TooFarBack: it is too old.
    """
    await hub.ready(listener)
    if since is None:
        return hub.join(listener)
    if any(position.last - start > FAR_BACK for position, start in zip(hub.positions, since, strict=True)):
        raise TooFarBack
    at = list(since)
    # Far behind, read what is final, without a queue that would fill up meanwhile.
    while any(position.horizon - start > _NEAR for position, start in zip(hub.positions, at, strict=True)):
        for index, position in enumerate(hub.positions):
            end = min(at[index] + WINDOW, position.horizon)
            await _send_window(listener.audience, hub.positions, index, at, end, send)
    # From here on what the feed reads is queued; what it has read before is in the tables.
    positions = hub.join(listener)
    for index, position in enumerate(positions):
        while at[index] < position.last:
            await _send_window(listener.audience, positions, index, at, min(at[index] + WINDOW, position.last), send)
    return positions


async def _send_window(
    audience: Audience,
    positions: Positions,
    index: int,
    at: list[int],
    end: int,
    send: Callable[[Frame], Awaitable[None]],
) -> None:
    """Send what the feed has read of one source between ``at`` and ``end``, and move ``at``."""
    if end <= at[index]:
        return
    lines = await patiently(lambda: in_thread(SOURCES[index].between, at[index], end, audience))
    position = positions[index]
    lines = [line for line in lines if position.covers(line.row)]
    # What is final up to the end of this window, in this source and in the others.
    reached = tuple(
        Position(min(end, position.last), position.gaps) if other == index else Position(at[other])
        for other, position in enumerate(positions)
    )
    for frame in framed(lines, reached, index):
        await send(frame)
    at[index] = end
