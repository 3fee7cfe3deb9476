"""A walk through dialect C: list, launch, watch, revoke, retry, history, statistics. It needs nothing but Python.

Usage::

    python docs/apis/celery_walkthrough.py [http://127.0.0.1:8000]

``PIXTASKS_API_KEY`` is sent as ``X-API-Key`` where it is set; after the quick start no credentials are needed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

FINISHED = {"SUCCESS", "FAILURE", "REVOKED"}


class Celery:
    """The six calls of the dialect.

    Args:
        server: such as ``http://127.0.0.1:8000``.
        key: an API key, or empty.
    """

    def __init__(self, server: str, key: str = "") -> None:
        self.base = f"{server.rstrip('/')}/api/celery"
        self.headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and body of one request."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.base}{path}", data=data, headers=self.headers, method=method)
        try:
            with urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """Return the body of a request that must succeed.

        Raises:
            SystemExit: it did not.
        """
        status, answer = self.call(method, path, body)
        if status >= 300:
            raise SystemExit(f"{method} {path} was answered with {status}: {answer}")
        return answer

    def finished(self, task_id: str, seconds: float = 60) -> Any:
        """Poll until a task has finished.

        Raises:
            SystemExit: it takes too long; is a worker running?
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            status = self.ok("GET", f"/tasks/{task_id}")
            if status["status"] in FINISHED:
                return status
            time.sleep(0.5)
        raise SystemExit(f"Task {task_id} has not finished within {seconds:g} s. Is a worker running?")


def main(server: str) -> None:
    """Walk."""
    celery = Celery(server, os.environ.get("PIXTASKS_API_KEY", ""))

    print("1. What can be launched?")
    for task in celery.ok("GET", "/tasks"):
        print(f"   {task['task_type']}({', '.join(task['parameters'])}): {task['description']}")

    print("2. Launch one, and watch it.")
    say = {"task_type": "ExampleDatabaseTask", "params": {"message": "this", "count": 1}}
    launched = celery.ok("POST", "/tasks/launch", say)
    print(f"   {launched['message']}: {launched['task_id']}")
    done = celery.finished(launched["task_id"])
    print(f"   {done['status']}: {done['result']}")

    print("3. Parameters that the type refuses are told one by one.")
    status, refused = celery.call("POST", "/tasks/launch", {**say, "params": {"count": -1}})
    for fault in refused["detail"]:
        print(f"   {status}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}")

    print("4. Launch several for later, one of them before the others, and revoke them.")
    later = celery.ok("POST", "/tasks/launch", [{**say, "countdown": 600}, {**say, "countdown": 600, "priority": 1}])
    for one in later:
        print(f"   {celery.ok('DELETE', '/tasks/' + one['task_id'])['message']}")

    print("5. Only a failed task can be retried.")
    status, refused = celery.call("POST", f"/tasks/{launched['task_id']}/retry")
    print(f"   {status}: {refused['detail']}")

    print("6. What was executed?")
    for row in celery.ok("GET", "/tasks/history?limit=3"):
        print(f"   {row['created_at']} {row['task_type']} {row['status']}")

    print("7. What do the workers do?")
    stats = celery.ok("GET", "/stats")
    for name, figures in stats["worker_stats"].items():
        print(f"   {name}: {figures.get('slots')} slots, {len(stats['active_tasks'][name])} running")
    print(f"   {len(stats['registered_tasks'])} task types are registered")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
