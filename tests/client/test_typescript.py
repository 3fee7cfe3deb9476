"""docs/task-service.ts does what its document says, run as it stands against the product (CONTRACT G38)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import playwright
import pytest
from django.conf import settings as live
from pytest_django import Settings

from tasktypes.models import Task
from tests import factories
from tests.accounts.factories import make_key
from tests.client.scripted import CREATED, Say, scripted

# The Node that comes with Playwright is new enough to run TypeScript; that of the system may not be, or not be there.
NODE = Path(playwright.__file__).parent / "driver" / ("node.exe" if os.name == "nt" else "node")
SOURCE = Path(live.BASE_DIR) / "docs" / "task-service.ts"


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """A function that runs a few lines with ``taskService`` and returns what they print as JSON."""
    shutil.copy(SOURCE, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')

    def run(lines: str, url: str, key: str = "") -> Any:
        (tmp_path / "main.ts").write_text(f"import {{ taskService }} from './task-service.ts';\n{lines}")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        done = subprocess.run(
            [str(NODE), "main.ts"],
            cwd=tmp_path,
            env={**kept, "TASKS_API_URL": url, **({"TASK_API_KEY": key} if key else {})},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.django_db(transaction=True)
def test_the_documented_three_calls(run: Any, live_server: Any, settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.PIXTASKS_ANONYMOUS_API = False
    owner = factories.user()
    found = run(
        """
        const result = await taskService.submitTask('ExampleDatabaseTask', { message: 'from node', count: 1 });
        const status = await taskService.getTaskStatus(result.id);
        const cancelled = await taskService.cancelTask(result.id);
        const refused = await taskService.submitTask('nothing', {}).catch((error) => error.message);
        console.log(JSON.stringify({ result, status, cancelled, refused }));
        """,
        live_server.url,
        make_key(owner)[1],
    )
    task = Task.objects.get()
    assert (task.created_by, task.parameters["message"]) == (owner, "from node")
    assert (found["result"]["id"], found["result"]["is_duplicate"]) == (task.pk, False)
    assert (found["status"]["status"], found["cancelled"]["result_data"]) == ("not_started", {"cancelled": True})
    assert found["refused"].startswith("POST /tasks/nothing: 422 ")


def test_a_submission_is_sent_again_under_its_key(run: Any) -> None:
    with scripted(Say(503, {}), Say(0), Say(201, CREATED)) as script:
        lines = "console.log(JSON.stringify(await taskService.submitTask('ExampleDatabaseTask', { count: 1 })));"
        assert run(lines, script.url)["id"] == 7
    assert len(script.asked) == 3
    assert (
        len({headers.get("Idempotency-Key", headers.get("idempotency-key")) for _, _, headers, _ in script.asked}) == 1
    )
