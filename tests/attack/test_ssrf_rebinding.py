"""A name that changes its address between two look-ups leads nobody to this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SPACE = ["unshare", "--mount", "--net"]


def _may_unshare() -> bool:
    return (
        shutil.which("unshare") is not None and subprocess.run([*_SPACE, "true"], capture_output=True).returncode == 0
    )


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What each client met, in a network of its own with a resolver of the test's."""
    if not _may_unshare():
        pytest.skip("a network and a mount space of its own (unshare --mount --net) need root")
    child = subprocess.run(
        [*_SPACE, sys.executable, "-m", "tests.attack.network.rebinding"], cwd=ROOT, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    found: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return found


def test_every_client_was_asked(report: dict[str, Any]) -> None:
    assert set(report) == {"image fetch", "engines", "site", "webhooks"}


@pytest.mark.parametrize("client", ["image fetch", "engines", "site", "webhooks"])
def test_a_rebound_name_is_refused_at_the_socket(report: dict[str, Any], client: str) -> None:
    met = report[client]
    assert met["private connections"] == 0
    # The public address was reached, so the name, the resolver and the client worked; then it was refused.
    # Images are asked for after their site's robots.txt and tdmrep.json.
    assert met["public connections"] == (3 if client == "image fetch" else 1)
    first, second = met["public, then private"]
    assert first in {"200", "not_an_image"}
    assert second == met["private"] == met["public closed beside private"] == "blocked_address"
    # Webhooks follow no redirect at all. The server that redirects sends its robots.txt on as well.
    refused = met["redirect to a rebound name"]
    if client == "webhooks":
        assert refused == "302"
    else:
        assert refused in {"blocked_address", "robots_unavailable"} or "robots.txt: connecting to" in refused
