"""A worker outside of the product, that knows nothing of it but its HTTP API (CONTRACT X36).

It is an example to copy from: claim, heartbeat, complete, fail, and nothing but the standard library.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from pixtasks.common.errors import Conflict, PixtasksError, Unavailable

logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 30.0

Beat = Callable[[dict[str, Any]], None]
Work = Callable[[dict[str, Any], Beat], dict[str, Any]]


class Refused(PixtasksError):
    """The API refused a request."""


class Cancelled(Exception):
    """Somebody asked for the task to stop."""


class OutsideWorker:
    """Claims tasks over HTTP and works on them.

    Args:
        url: where the product is, such as ``http://127.0.0.1:8000``.
        name: the name it gives itself.
        task_types: of which types; None = of all.
        api_key: sent as ``X-API-Key`` where there is one.
        lease_seconds: how long a claim holds without a heartbeat.
    """

    def __init__(
        self, url: str, name: str, task_types: Sequence[str] | None, *, api_key: str = "", lease_seconds: float = 60
    ) -> None:
        self._url = url.rstrip("/")
        self._name = name
        self._task_types = None if task_types is None else list(task_types)
        self._api_key = api_key
        self._lease_seconds = lease_seconds

    def claim(self, *, wait: float = 0) -> dict[str, Any] | None:
        """Return a task that is this worker's now, or None where there is nothing to do.

        Args:
            wait: seconds to wait for one.
        """
        asked: dict[str, Any] = {
            "worker": self._name,
            "limit": 1,
            "lease_seconds": self._lease_seconds,
            "wait": wait,
        }
        if self._task_types is not None:
            asked["task_types"] = self._task_types
        tasks: list[dict[str, Any]] = self._post("/api/tasks/claim", asked)
        return tasks[0] if tasks else None

    def run(self, task: dict[str, Any], work: Work) -> str:
        """Work on a claimed task and say how it ended: completed, failed, cancelled or lost.

        Args:
            work: is given the parameters and a function that reports progress, which also renews the lease; what it
                raises fails the attempt.
        """
        path, lease = f"/api/tasks/{task['id']}", {key: task[key] for key in ("attempt", "lease_token")}

        def beat(progress: dict[str, Any]) -> None:
            said = {**lease, "lease_seconds": self._lease_seconds, "progress": progress}
            if self._post(f"{path}/heartbeat", said)["cancel"]:
                raise Cancelled

        try:
            try:
                result = work(task["parameters"], beat)
            except Cancelled:
                # Given back: what was asked to stop is not handed out again.
                self._post(f"{path}/fail", {**lease, "error_message": "It was asked to stop"})
                return "cancelled"
            except PixtasksError:
                raise
            except Exception as error:
                logger.exception("task %s failed", task["id"])
                self._post(f"{path}/fail", {**lease, "error_message": f"{type(error).__name__}: {error}"})
                return "failed"
            self._post(f"{path}/complete", {**lease, "result": result})
        except Conflict:
            return "lost"  # Its lease had ended, and somebody else has it.
        return "completed"

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._api_key:
            headers["X-API-Key"] = self._api_key
        place = urlsplit(self._url)
        secure = place.scheme == "https"
        connection = (HTTPSConnection if secure else HTTPConnection)(place.netloc, timeout=_ANSWER_SECONDS)
        try:
            connection.request("POST", f"{place.path}{path}", json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status == 200:
                return json.loads(content)
        except (HTTPException, OSError, ValueError) as error:
            raise Unavailable(f"{self._url} cannot be reached: {error}") from error
        finally:
            connection.close()
        if answer.status == 409:
            raise Conflict(_detail(content))
        raise Refused(f"{path} answered {answer.status}: {_detail(content)}")


def _detail(body: bytes) -> str:
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
    return detail if isinstance(detail, str) else json.dumps(detail)
