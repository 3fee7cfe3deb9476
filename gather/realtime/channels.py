"""What one client listens to beside its own tasks, and what it has had of each task."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from gather.realtime.catch_up import patiently
from gather.realtime.frames import CHANNEL, Frame, Line
from gather.realtime.messages import EVERYTHING, BadMessage
from gather.realtime.signin import Caller
from gather.realtime.sources import BATCH, LEDGER, RECEIVED, Audience
from gather.realtime.threads import in_thread
from tasktypes.models import Task

MOST_CHANNELS: Final = 1000
_REMEMBERED: Final = 1000
"""Of so many tasks a client's lines are remembered: enough for those that change while it resumes."""


class Channels:
    """The channels of one client.

    Attributes:
        cursor: from where it would go on, after what it has been sent.
    """

    def __init__(self, caller: Caller) -> None:
        self.cursor = ""
        self._caller = caller
        self._tasks: set[str] = set()
        self._everything = False
        self._had: OrderedDict[tuple[int, str], tuple[int, int]] = OrderedDict()

    @property
    def audience(self) -> Audience:
        """What it listens to now."""
        return Audience(
            owners=self._caller.owners,
            tasks=frozenset(self._tasks),
            everything=self._everything,
            received=self._caller.is_staff,
        )

    async def subscribe(self, channel: str) -> None:
        """Add a channel (the caller makes the audience count).

        Raises:
            BadMessage: it is somebody else's, there is no such task, or there are too many.
        """
        if channel == EVERYTHING:
            if not self._caller.is_staff:
                raise BadMessage("FORBIDDEN", 'the channel "all" is for staff')
            self._everything = True
            return
        name = channel.removeprefix(CHANNEL)
        if len(self._tasks) >= MOST_CHANNELS and name not in self._tasks:
            raise BadMessage("RATE_LIMITED", f"at most {MOST_CHANNELS} channels for one connection")
        if not self._caller.is_staff:
            owner = await patiently(lambda: in_thread(_owner_of, name))
            if owner is None:
                raise BadMessage("NOT_FOUND", f"Task {name} not found")
            if owner not in self._caller.owners:
                raise BadMessage("FORBIDDEN", "Access denied to this resource")
        self._tasks.add(name)

    def unsubscribe(self, channel: str) -> None:
        """Drop a channel; the caller's own tasks are pushed all the same."""
        if channel == EVERYTHING:
            self._everything = False
        else:
            self._tasks.discard(channel.removeprefix(CHANNEL))

    def is_new(self, frame: Frame) -> bool:
        """Whether this client has not had that line; it counts as had from now on."""
        self.cursor = frame.cursor
        if frame.seq is None:
            return True
        key = (frame.source, frame.task)
        first, last = self._had.pop(key, (frame.seq, frame.seq - 1))
        new = not first <= frame.seq <= last
        if new:
            # Lines of unknown tasks are numbered with holes, those of the ledger without.
            follows = frame.seq == last + 1 or frame.source == 1
            first, last = (min(first, frame.seq), max(last, frame.seq)) if follows else (frame.seq, frame.seq)
        self._remember(key, first, last)
        return new

    async def replay(self, channel: str, since: int, send: Callable[[Frame], Awaitable[None]]) -> None:
        """Send what a client missed of a channel: all lines after ``since`` that it has not had on this connection."""
        name = channel.removeprefix(CHANNEL)
        await self._replay((0, name), since, LEDGER.of_task, send)
        if self._caller.is_staff:
            await self._replay((1, name), since, RECEIVED.of_task, send)

    async def _replay(
        self,
        key: tuple[int, str],
        since: int,
        ask: Callable[[str, int, int | None], list[Line]],
        send: Callable[[Frame], Awaitable[None]],
    ) -> None:
        # Nothing else is sent meanwhile, so what was had does not change but by this.
        had = self._had.get(key)
        if had is None or since >= had[1]:
            last = await self._send_lines(key[1], since, None, ask, send)
            if last > since:
                first = had[0] if had is not None and since == had[1] else since + 1
                self._remember(key, first, last)
            return
        first = min(had[0], since + 1)
        if since + 1 < had[0]:
            await self._send_lines(key[1], since, had[0], ask, send)
        last = await self._send_lines(key[1], had[1], None, ask, send)
        self._remember(key, first, last)

    async def _send_lines(
        self,
        task: str,
        after: int,
        before: int | None,
        ask: Callable[[str, int, int | None], list[Line]],
        send: Callable[[Frame], Awaitable[None]],
    ) -> int:
        """Send lines with ``after < seq < before``, in order; return the last seq, which is ``after`` for none."""
        while True:
            start = after
            lines = await patiently(lambda: in_thread(ask, task, start, before))  # noqa: B023 -- awaited right here
            for line in lines:
                await send(line.frame(self.cursor))
                after = line.seq or after
            if len(lines) < BATCH:
                return after

    def _remember(self, key: tuple[int, str], first: int, last: int) -> None:
        self._had[key] = (first, last)
        self._had.move_to_end(key)
        if len(self._had) > _REMEMBERED:
            self._had.popitem(last=False)


def _owner_of(name: str) -> int | None:
    """Return whose task it is: 0 for nobody's, None where there is no such task."""
    rows = Task.objects.filter(public_id=name).values_list("created_by_id", flat=True)
    row = list(rows[:1])
    return (row[0] or 0) if row else None
