"""The verification code of docs/apis/webhooks.md, run as it stands on deliveries that were really sent."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import playwright
import pytest
from django.conf import settings as live

from pixtasks.accounts.models import User
from tests.webhooks.conftest import endpoint_of, ran
from tests.webhooks.receiver import Received, Receiver

# The Node that comes with Playwright is new enough to run TypeScript; that of the system may not be, or not be there.
NODE = Path(playwright.__file__).parent / "driver" / ("node.exe" if os.name == "nt" else "node")
DOCUMENT = Path(live.BASE_DIR) / "docs" / "apis" / "webhooks.md"
MAIN = """
import { readFileSync } from 'node:fs';
import { isGenuine } from './check.ts';
const cases = JSON.parse(readFileSync('cases.json', 'utf8'));
console.log(JSON.stringify(cases.map((one) => isGenuine(one.headers, Buffer.from(one.body), one.secret))));
"""
Case = tuple[dict[str, str], bytes, str]


def code(language: str, word: str) -> str:
    """Return the one block of a language that defines a word."""
    (block,) = (
        text for text in re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL) if word in text
    )
    return str(block)


def cases(request: Received, secret: str) -> list[tuple[Case, bool]]:
    headers, body = request.headers, request.body
    signature = headers["X-Webhook-Signature"]
    previous = {**headers, "X-Webhook-Signature": "00", "X-Webhook-Signature-Previous": signature}
    return [
        ((headers, body, secret), True),
        ((previous, body, secret), True),
        ((headers, body + b" ", secret), False),
        ((headers, body, "whsec_another"), False),
        (({**headers, "X-Webhook-Timestamp": "1"}, body, secret), False),
        (({**headers, "X-Webhook-Timestamp": "soon"}, body, secret), False),
        (({**headers, "X-Webhook-Signature": ""}, body, secret), False),
        (({"X-Webhook-Id": "1"}, body, secret), False),
    ]


@pytest.mark.django_db
def test_the_documented_checks_take_what_was_sent_and_nothing_else(
    ann: User, receiver: Receiver, tmp_path: Path
) -> None:
    _, secret = endpoint_of(ann, receiver)
    ran(ann)
    tried = cases(receiver.requests[0], secret)
    expected = [genuine for _, genuine in tried]
    names: dict[str, Any] = {}
    exec(code("python", "is_genuine"), names)
    assert [names["is_genuine"](*case) for case, _ in tried] == expected
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "check.ts").write_text(code("typescript", "isGenuine"))
    (tmp_path / "main.ts").write_text(MAIN)
    written = [
        {"headers": {name.lower(): value for name, value in headers.items()}, "body": body.decode(), "secret": key}
        for (headers, body, key), _ in tried
    ]
    (tmp_path / "cases.json").write_text(json.dumps(written))
    done = subprocess.run([str(NODE), "main.ts"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
