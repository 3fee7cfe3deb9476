"""The application factories (CONTRACT D14)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

import pixtasks.asgi
import pixtasks.wsgi

IMPORT = """
import sys
import pixtasks.asgi, pixtasks.wsgi, pixtasks.celery
from django.conf import settings
assert not settings.configured, "the settings were read"
assert "tasktypes.models" not in sys.modules, "the models were loaded"
"""


def test_importing_them_reads_no_settings_and_makes_no_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        cwd=settings.BASE_DIR,
        env={"PIXTASKS_DATA_DIR": str(data), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not data.exists()


def test_a_factory_returns_its_one_application() -> None:
    assert isinstance(pixtasks.wsgi.application, WSGIHandler)
    assert pixtasks.wsgi.application is pixtasks.wsgi.create_application()
    assert pixtasks.asgi.application is pixtasks.asgi.create_application()


@pytest.mark.parametrize("module", [pixtasks.asgi, pixtasks.wsgi])
def test_other_names_are_not_invented(module: Any) -> None:
    with pytest.raises(AttributeError, match="no attribute 'app'"):
        _ = module.app


def test_asgi_answers_http() -> None:
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        return await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/healthz",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(pixtasks.asgi.application(scope, receive, send))
    assert sent[0]["status"] == 200
