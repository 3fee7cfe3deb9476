"""The document's usage example under Node.js, and a run from its start to its images, against real processes (G35).

The example is that of ``seeds/000``, as it stands; its block is JavaScript as well as TypeScript.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.processes.client import ApiUser
from tests.processes.stack import ROOT, Stack, running_stack
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process

BASE = "/api/v1/automated-gather"
# A page of the product resolves "/api/…" against its own origin; Node.js has no page.
PREAMBLE = """
const server = process.argv[1];
const fetchAbsolute = globalThis.fetch;
globalThis.fetch = (address, options) => fetchAbsolute(new URL(address, server), options);
"""
USAGE = """
// Start automated gather
const response = await fetch('/api/v1/automated-gather/start', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    projectId: 'my-project',
    gatherCount: 10,
    options: {
      saveInterval: 5,
      errorRecovery: true
    }
  })
});

const { taskId } = await response.json();

// Poll for status
const statusResponse = await fetch(`/api/v1/automated-gather/status/${taskId}`);
const status = await statusResponse.json();

// Cancel if needed
const cancelResponse = await fetch(`/api/v1/automated-gather/cancel/${taskId}`, {
  method: 'DELETE'
});
const cancelResult = await cancelResponse.json();
"""
EPILOGUE = """
console.log(JSON.stringify({
  statuses: [response.status, statusResponse.status, cancelResponse.status], taskId, status, cancelResult
}));
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One installation for all tests."""
    with running_stack(tmp_path_factory.mktemp("gather")) as running:
        yield running


def call(stack: Stack, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Return status and body of a request without credentials: ``local`` asks."""
    request = Request(
        f"{stack.url}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_usage_example_runs_as_it_stands(stack: Stack) -> None:
    ran = subprocess.run(
        ["node", "--input-type=module", "--eval", PREAMBLE + USAGE + EPILOGUE, stack.url],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["statuses"] == [202, 200, 200]
    task_id, status, cancelled = seen["taskId"], seen["status"], seen["cancelResult"]
    assert (status["taskId"], status["progress"]["total"], status["result"]) == (task_id, 10, None)
    assert status["status"] in ("PENDING", "STARTED", "PROGRESS")
    partial = cancelled.pop("partialResults")
    assert cancelled == {"taskId": task_id, "status": "cancelled", "message": "Task cancelled successfully"}
    assert len(partial["results"]) <= partial["completedIterations"] <= 10
    assert call(stack, "GET", f"{BASE}/status/{task_id}")[1]["status"] == "REVOKED"
    # It is told where the project of that name came from: the first use made it, for the caller.
    assert [one["projectId"] for one in call(stack, "GET", f"{BASE}/runs?projectId=my-project")[1]["items"]] == [
        "my-project"
    ]


def test_a_run_goes_from_its_start_to_its_images(stack: Stack) -> None:
    body = {"projectId": "red-fox", "gatherCount": 3, "options": {"saveInterval": 1, "engines": ["sample"]}}
    code, started = call(stack, "POST", f"{BASE}/start", body)
    assert (code, started["data"]["estimatedDuration"]) == (202, 90)
    task_id = started["taskId"]

    def ended() -> Any:
        status = call(stack, "GET", f"{BASE}/status/{task_id}")[1]
        return status if status["status"] in ("SUCCESS", "FAILURE", "REVOKED") else None

    status = wait_for(ended, "the gather ended", seconds=120)
    assert (status["status"], status["progress"]["percentage"]) == ("SUCCESS", 100), status
    percentages = [one["data"]["percentage"] for one in status["updates"] if one["type"] != "error"]
    assert percentages == sorted(percentages) and percentages[-1] == 100
    assert status["updates"][-1]["type"] == "complete"
    result = status["result"]
    assert len(result["results"]) <= result["completedIterations"] <= 3

    images = []
    for line in result["results"]:
        code, found = call(stack, "GET", f"{BASE}/data/{task_id}/{line['gatherDataId']}?limit=500")
        assert (code, found["iterationNumber"]) == (200, line["iterationNumber"])
        assert found["counts"]["images"] == len(found["images"])
        images += found["images"]
    assert images and len({image["sha256"] for image in images}) == len(images), "no picture comes twice"
    assert all(image["license"] and image["sourceUrl"] and image["backend"] == "sample" for image in images)

    assert call(stack, "DELETE", f"{BASE}/cancel/{task_id}")[1]["error"] == "CANCELLATION_FAILED"
    user = ApiUser(stack)
    assert call(stack, "GET", images[0]["url"])[0] == 401, "the file is one of dialect J, which always asks who"
    assert user.call("GET", f"{BASE}/status/{task_id}")[1]["error"] == "FORBIDDEN"


def test_the_first_block_of_the_documentation_runs(stack: Stack) -> None:
    document = (ROOT / "docs" / "apis" / "gather.md").read_text()
    script = document.split("```bash\n", 1)[1].split("```", 1)[0]
    ran = subprocess.run(
        ["bash", "-e", "-c", script.replace("http://localhost:8000", stack.url)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert '"total": 10' in ran.stdout
    assert '"status": "cancelled"' in ran.stdout
