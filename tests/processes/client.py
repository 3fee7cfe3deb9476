"""A user of the public API, for tests that watch real processes work."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.processes.stack import Stack
from tests.processes.tree import wait_for

EMAIL = "ann@example.com"
PASSWORD = "a long enough pass phrase"


class ApiUser:
    """Signs in and calls dialect J as ``ann@example.com``."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.token = ""
        stack.manage("ensure_user", "--email", EMAIL, "--password", PASSWORD)
        self.token = self.post("/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and decoded body of one request."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.stack.url}{path}", data=data, headers=headers, method=method)
        try:
            with urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def get(self, path: str) -> Any:
        status, body = self.call("GET", path)
        assert status == 200, (path, status, body)
        return body

    def post(self, path: str, body: Any = None) -> Any:
        status, answer = self.call("POST", path, body)
        assert status in (200, 201), (path, status, answer)
        return answer

    def new_job(self, **fields: Any) -> int:
        """Create a job in a new project and return its id."""
        project = self.post("/api/v1/projects", {"name": "Kills"})
        return int(self.post("/api/v1/jobs", {"project_id": project["id"], "name": "crawl", **fields})["id"])

    def progress(self, job_id: int) -> dict[str, Any]:
        return dict(self.get(f"/api/v1/jobs/{job_id}/progress"))

    def until_ended(self, job_id: int, seconds: float = 120) -> dict[str, Any]:
        """Poll until the job has ended; return its last progress."""

        def ended() -> dict[str, Any] | None:
            now = self.progress(job_id)
            return now if now["status"] in ("completed", "failed", "cancelled") else None

        return wait_for(ended, f"job {job_id} ended", seconds=seconds)

    def images(self, job_id: int) -> list[dict[str, Any]]:
        """Return all image rows of a job, page by page."""
        found: list[dict[str, Any]] = []
        path = f"/api/v1/jobs/{job_id}/images?limit=500"
        while True:
            page = self.get(path)
            found += page["items"]
            if not page["next"]:
                return found
            path = f"/api/v1/jobs/{job_id}/images?limit=500&cursor={page['next']}"
