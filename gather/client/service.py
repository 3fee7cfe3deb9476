"""The two clients: one that waits, one for asyncio; they differ in how they send and how they sleep."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

from gather.client.answers import Submitted, TaskState, read
from gather.client.errors import Conflict, InvalidRequest, RateLimited, TaskServiceError, Timeout, Unavailable
from gather.client.transport import Call, Transport

TASK_SERVICE_PATH: Final = "/tasks"
_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 30.0
_FIRST_LOOK: Final = 0.1
_LONGEST_LOOK: Final = 2.0


class Client:
    """What both clients know: the address, the requests, and when to try again.

    Args:
        base_url: of the service; by default ``TASKS_API_URL``.
        api_key: sent as ``X-API-Key``; by default ``TASK_API_KEY``. Empty sends none.
        timeout: seconds for connecting, and for each wait for an answer.
        retries: how often a request is sent again after there was no connection, no answer in time, a 429 or a 503.

    The two variables may also be read from files, ``TASKS_API_URL_FILE`` and ``TASK_API_KEY_FILE``. In a program that
    runs Django with this product's settings those count where the environment says nothing.

    Raises:
        ValueError: there is no address, or it is not of the form http(s)://host[:port][/path].
    """

    def __init__(
        self, base_url: str | None = None, api_key: str | None = None, timeout: float = 10, retries: int = 3
    ) -> None:
        address = _setting("TASKS_API_URL") if base_url is None else base_url
        if not address.strip():
            raise ValueError("Say where the task service is: set TASKS_API_URL, or give base_url")
        key = (_setting("TASK_API_KEY") if api_key is None else api_key).strip()
        self._retries = retries
        self._transport = Transport(address.strip(), {"X-API-Key": key} if key else {}, timeout)

    def _submission(self, name: str, payload: Mapping[str, Any]) -> Call:
        if not name or "/" in name:  # The service would see another route.
            raise InvalidRequest(f"{name!r} is not the name of a handler")
        return Call(
            "POST",
            f"{TASK_SERVICE_PATH}/{quote(name, safe='')}",
            json.dumps({"payload": dict(payload)}, separators=(",", ":"), allow_nan=False).encode(),
            # Sent again after a lost answer it is this submission still, and no duplicate of itself.
            {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())},
        )

    @staticmethod
    def _about(method: str, task_id: int | str) -> Call:
        number = str(task_id)
        if not (number.isascii() and number.isdecimal()):  # Another word would be another request.
            raise InvalidRequest(f"task_id must be a whole number, not {task_id!r}")
        return Call(method, f"{TASK_SERVICE_PATH}/{number}")

    def _delay(self, error: TaskServiceError, tries: int, call: Call) -> float:
        """Return the seconds to wait before the next try, or raise the error where there is none.

        Args:
            error: how the last try ended.
            tries: how many there were.
        """
        again = isinstance(error, Unavailable | RateLimited | Timeout)
        # The try before this one is still being carried out under the same key.
        again |= isinstance(error, Conflict) and tries > 1 and "Idempotency-Key" in call.headers
        if not again or tries > self._retries:
            raise error
        longest = min(_FIRST_DELAY * 2.0 ** (tries - 1), _LONGEST_DELAY)
        return max(random.uniform(longest / 2, longest), error.retry_after or 0)


class TaskService(Client):
    """A client that waits for each answer; threads may share it. The arguments are those of :class:`Client`."""

    def submit_task(self, name: str, payload: Mapping[str, Any]) -> Submitted:
        """Submit a task to a registered handler; the same payload again is the same task.

        Args:
            name: the handler's, such as ``automated_gather``.
            payload: what its model takes.

        Raises:
            InvalidRequest: there is no such handler, or the payload does not fit it; ``errors`` says where.
            TaskServiceError: anything else; see :mod:`gather.client.errors`.
        """
        return read(Submitted, self._send(self._submission(name, payload)))

    def get_task_status(self, task_id: int | str) -> TaskState:
        """Return a task as it is now.

        Raises:
            NotFound: there is none of that id.
            TaskServiceError: anything else; see :mod:`gather.client.errors`.
        """
        return read(TaskState, self._send(self._about("GET", task_id)))

    def cancel_task(self, task_id: int | str) -> TaskState:
        """Ask a task to stop: one that waits ends at once, one that runs at its next checkpoint.

        A task that has ended is left, and returned as it is.

        Raises:
            NotFound: there is none of that id.
            TaskServiceError: anything else; see :mod:`gather.client.errors`.
        """
        return read(TaskState, self._send(self._about("DELETE", task_id)))

    def wait(self, task_id: int | str, timeout: float = 300) -> TaskState:
        """Return a task once it has ended, well or badly.

        Args:
            task_id: the task.
            timeout: seconds.

        Raises:
            Timeout: it has not ended in that time; it goes on.
            TaskServiceError: anything else; see :mod:`gather.client.errors`.
        """
        deadline, pause = time.monotonic() + timeout, _FIRST_LOOK
        while not (task := self.get_task_status(task_id)).ended:
            time.sleep(_next_look(task, deadline, pause, timeout))
            pause = min(pause * 1.5, _LONGEST_LOOK)
        return task

    def close(self) -> None:
        """Close its connections; it cannot be used any more."""
        self._transport.close()

    def __enter__(self) -> TaskService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, call: Call) -> Any:
        tries = 0
        while True:
            try:
                return self._transport.send(call)
            except TaskServiceError as error:
                tries += 1
                delay = self._delay(error, tries, call)
            time.sleep(delay)


class AsyncTaskService(Client):
    """The same for asyncio; requests wait in threads. The arguments are those of :class:`Client`."""

    async def submit_task(self, name: str, payload: Mapping[str, Any]) -> Submitted:
        """Submit a task; see :meth:`TaskService.submit_task`."""
        return read(Submitted, await self._send(self._submission(name, payload)))

    async def get_task_status(self, task_id: int | str) -> TaskState:
        """Return a task as it is now; see :meth:`TaskService.get_task_status`."""
        return read(TaskState, await self._send(self._about("GET", task_id)))

    async def cancel_task(self, task_id: int | str) -> TaskState:
        """Ask a task to stop; see :meth:`TaskService.cancel_task`."""
        return read(TaskState, await self._send(self._about("DELETE", task_id)))

    async def wait(self, task_id: int | str, timeout: float = 300) -> TaskState:  # noqa: ASYNC109 -- as the other's
        """Return a task once it has ended; see :meth:`TaskService.wait`."""
        deadline, pause = time.monotonic() + timeout, _FIRST_LOOK
        while not (task := await self.get_task_status(task_id)).ended:
            await asyncio.sleep(_next_look(task, deadline, pause, timeout))
            pause = min(pause * 1.5, _LONGEST_LOOK)
        return task

    async def close(self) -> None:
        """Close its connections; it cannot be used any more."""
        await asyncio.to_thread(self._transport.close)

    async def __aenter__(self) -> AsyncTaskService:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, call: Call) -> Any:
        tries = 0
        while True:
            try:
                return await asyncio.to_thread(self._transport.send, call)
            except TaskServiceError as error:
                tries += 1
                delay = self._delay(error, tries, call)
            await asyncio.sleep(delay)


def _next_look(task: TaskState, deadline: float, pause: float, timeout: float) -> float:
    """Return the seconds until the next look at a task.

    Raises:
        Timeout: there is no time left.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise Timeout(f"Task {task.id} has not ended within {timeout:g} seconds; it goes on")
    return min(left, pause)


def _setting(name: str) -> str:
    if name in os.environ:
        return os.environ[name]
    path = os.environ.get(f"{name}_FILE")
    if path:
        return Path(path).read_text().strip()
    # Looked at only where the program has set Django up itself: this module works without it.
    django = sys.modules.get("django.conf")
    settings = getattr(django, "settings", None)
    return str(getattr(settings, name, "")) if settings is not None and settings.configured else ""
