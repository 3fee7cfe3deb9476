"""What docs/apis/progress-webhook.md tells senders holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as live

from gather.models import ReceivedEvent
from tests.gather_incoming.conftest import SECRET, URL, deliver, document

DOCUMENT = (Path(live.BASE_DIR) / "docs" / "apis" / "progress-webhook.md").read_text()


@pytest.mark.django_db
def test_its_body_is_the_documented_one() -> None:
    (body,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    assert deliver(body.encode()).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_its_sender_is_understood(live_server: Any) -> None:
    code: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)[1], code)  # type: ignore[index]
    answer = code["report"](live_server.url + URL, SECRET, "abc", "progress", document()["data"])
    assert answer == {
        "success": True,
        "message": "Progress update processed successfully",
        "taskId": "abc",
        "event": "progress",
    }
    assert ReceivedEvent.objects.get().data == document()["data"]
