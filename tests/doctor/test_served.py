"""The doctor on a real installation: web, dispatcher, worker and scheduler as processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes.client import ApiUser
from tests.processes.stack import Stack, running_stack
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process


def doctor(stack: Stack) -> tuple[int, dict[str, str]]:
    """Return the exit code and the checks that are not ok; how much room this machine has is its own affair."""
    result = stack.manage("doctor", "--json", check=False)
    checks: list[dict[str, Any]] = json.loads(result.stdout)["checks"]
    faults = {check["name"]: check["message"] for check in checks if check["status"] != "ok"}
    faults.pop("storage", None)
    return result.returncode, faults


def test_what_is_served_is_well_and_what_was_stopped_is_not(tmp_path: Path) -> None:
    with running_stack(tmp_path) as stack:
        wait_for(lambda: not doctor(stack)[1], "every process heard of")
        user = ApiUser(stack)
        job_id = user.new_job(keywords=["red fox", "grey owl", "blue whale"], engines=["sample"], max_images=100)
        user.post(f"/api/v1/jobs/{job_id}/start")
        looks = 0
        while not looks or user.progress(job_id)["status"] == "running":
            assert doctor(stack)[1] == {}, "work in the middle is no fault"
            looks += 1
        assert stack.stop() == 0
        code, faults = doctor(stack)
        assert code == 2
        assert set(faults) == {"workers", "dispatcher", "scheduler"}, "each of them said goodbye"
        assert json.loads(stack.manage("doctor", "--at-rest", "--json", check=False).stdout)["status"] != "error"
