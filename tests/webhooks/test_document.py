"""What docs/apis/webhooks.md tells authors of receivers holds."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pixtasks.accounts.models import User
from tasktypes.webhooks.handler import DELAYS
from tasktypes.webhooks.services.endpoints import rotate_secret
from tests.webhooks.conftest import endpoint_of, ran
from tests.webhooks.receiver import Receiver

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "apis" / "webhooks.md").read_text()


@pytest.mark.django_db
def test_its_receiver_knows_what_is_genuine(ann: User, receiver: Receiver) -> None:
    code: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)[1], code)  # type: ignore[index]
    is_genuine = code["is_genuine"]
    endpoint, old = endpoint_of(ann, receiver)
    _, new = rotate_secret(endpoint, actor=ann, overlap=timedelta(days=1))
    ran(ann)
    (request,) = receiver.requests
    assert is_genuine(request.headers, request.body, new)
    assert is_genuine(request.headers, request.body, old)
    assert not is_genuine(request.headers, request.body, "whsec_another")
    assert not is_genuine(request.headers, request.body + b" ", new)
    assert not is_genuine({**request.headers, "X-Webhook-Timestamp": "1"}, request.body, new)


def test_it_names_every_wait() -> None:
    seconds = {"s": 1, "min": 60, "h": 3600}
    sentence = re.search(r"tried again after (.*?), each", DOCUMENT)
    assert sentence is not None
    waits = re.findall(r"(\d+) (s|min|h)\b", sentence[1])
    assert tuple(int(number) * seconds[unit] for number, unit in waits) == DELAYS
