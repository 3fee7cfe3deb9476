"""Incoming progress on a real installation: server, dispatcher and worker (CONTRACT G26, G30, G32, X46)."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pixtasks.common.signing import sign
from tests.gather_incoming.conftest import URL, document, raw
from tests.processes.stack import Stack, running_stack
from tests.processes.tree import wait_for
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def echo() -> None:
    """Nothing runs in this process: other modules' handler for tests is not needed."""


def _send(stack: Stack, body: bytes | Iterator[bytes], signature: str, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=30)
    try:
        sent = {"Content-Type": "application/json", "X-Webhook-Signature": signature, **headers}
        connection.request("POST", URL, body, sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_of_eight_equal_bodies_at_once_one_is_accepted_and_forwarded(tmp_path: Path) -> None:
    with receiving() as server:
        environment = {
            "WEBSOCKET_SERVER_URL": f"http://127.0.0.1:{server.port}",
            "INTERNAL_API_SECRET": "between-us",
        }
        with running_stack(tmp_path, environment) as stack:
            secret = stack.manage("webhook_secret").stdout.strip()
            body = raw(document())
            assert _send(stack, body, "0" * 64)[1]["error"] == "INVALID_SIGNATURE"

            timestamp = str(int(time.time()))
            timed = sign(secret, body, timestamp)
            with ThreadPoolExecutor(8) as pool:
                sent = [pool.submit(_send, stack, body, timed, **{"X-Webhook-Timestamp": timestamp}) for _ in range(8)]
            answers = [one.result() for one in sent]
            assert sorted(status for status, _ in answers) == [200, *[409] * 7]
            assert [answer for status, answer in answers if status == 200] == [
                {
                    "success": True,
                    "message": "Progress update processed successfully",
                    "taskId": "abc123-def456",
                    "event": "progress",
                }
            ]

            # In pieces, without a length: the signature is of the whole.
            second = raw(document(iteration=6))
            pieces = (second[start : start + 20] for start in range(0, len(second), 20))
            assert _send(stack, pieces, sign(secret, second))[0] == 200
            long = (b" " * 4096 for _ in range(20))
            assert _send(stack, long, sign(secret, b" " * 4096 * 20))[1]["error"] == "PAYLOAD_TOO_LARGE"

            wait_for(lambda: len(server.requests) == 2 or None, "both were forwarded", seconds=60)
            assert {request.headers["X-Internal-Secret"] for request in server.requests} == {"between-us"}
            told = [request.document["data"]["data"]["currentIteration"] for request in server.requests]
            assert sorted(told) == [5, 6]
            assert stack.stop() == 0
