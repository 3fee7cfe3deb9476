"""``/healthz`` and ``/readyz``."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from pixtasks import health
from pixtasks.common.broker import check_broker
from pixtasks.common.errors import Unavailable
from tasktypes.services.inspect import beat_worker

NO_WORKER = "no worker was heard of lately; start one"


@pytest.fixture
def worker() -> None:
    beat_worker(name="w1@here", pid=1, slots=2, queues=["default"], first=True)


def test_health_asks_no_database() -> None:
    response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]
    assert Client().post("/healthz").status_code == 405


@pytest.mark.django_db
def test_ready_with_database_broker_and_worker(worker: None) -> None:
    response = Client().get("/readyz")
    checks = {"database": "ok", "broker": "ok", "workers": "ok"}
    assert (response.status_code, response.json()) == (200, {"status": "ready", "checks": checks})


@pytest.mark.django_db
def test_not_ready_without_a_worker() -> None:
    response = Client().get("/readyz/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["checks"] == {"database": "ok", "broker": "ok", "workers": NO_WORKER}


@pytest.mark.django_db
def test_not_ready_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def cursor(self) -> Any:
            raise OperationalError("password=secret")

    monkeypatch.setattr(health, "connection", Broken())
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "the database does not answer"
    assert b"secret" not in response.content


@pytest.mark.django_db
def test_not_ready_without_a_broker(worker: None, settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
        response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["broker"] == "Redis connection refused"


def test_a_broker_that_says_nothing_is_not_waited_for(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with pytest.raises(Unavailable, match="Redis does not answer"):
            check_broker(seconds=0.2)


def test_a_broker_folder_that_is_gone_is_reported(settings: Settings, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    settings.REDIS_URL = ""
    settings.CELERY = {"broker_transport_options": {"data_folder_in": gone, "control_folder": gone}}
    with pytest.raises(Unavailable, match="folder cannot be written"):
        check_broker()
