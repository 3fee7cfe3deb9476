"""The Python client of docs/websocket.md does what the page says."""

from __future__ import annotations

import asyncio
import queue
import re
import threading
from pathlib import Path
from typing import Any

from django.conf import settings as project
from websockets.exceptions import ConnectionClosed

from gather.realtime.hub import hub
from gather.realtime.listener import SIGNED_OUT, TOO_SLOW, Farewell
from pixtasks.accounts.models import User
from tests.realtime.conftest import Work, numbers, token_of
from tests.realtime.server import PATIENCE, Server, until


def example() -> str:
    """Return the page's example."""
    page = (Path(project.BASE_DIR) / "docs" / "websocket.md").read_text()
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def dismiss_all(server: Server, farewell: Farewell) -> None:
    server.inside(lambda: [listener.dismiss(farewell) for listener in hub().listeners])


def test_the_python_client_comes_back_and_handles_every_frame_once(server: Server, ann: User) -> None:
    names: dict[str, Any] = {}
    exec(compile(example(), "docs/websocket.md", "exec"), names)
    got: queue.Queue[Any] = queue.Queue()
    address = f"ws://127.0.0.1:{server.port}/ws/"
    ends: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(names["live"](address, token_of(ann), got.put))
        except ConnectionClosed as closed:
            ends.append(closed)

    client = threading.Thread(target=run, daemon=True)
    client.start()
    until(lambda: server.hearing)  # Without a cursor it hears what comes from then on.
    work = Work(ann)
    assert [got.get(timeout=PATIENCE)["seq"] for _ in range(2)] == [1, 2]
    for start in (0, 10, 20):
        work.report(*range(start, start + 5))
        dismiss_all(server, TOO_SLOW)
        work.report(*range(start + 5, start + 10))
        frames = [got.get(timeout=PATIENCE) for _ in range(10)]
        assert numbers(frames) == list(range(start, start + 10))
    until(lambda: server.listeners == 1)
    dismiss_all(server, SIGNED_OUT)
    client.join(timeout=PATIENCE)
    assert len(ends) == 1, "without a sign-in it does not come back"
