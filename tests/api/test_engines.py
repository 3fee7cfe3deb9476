"""``GET /api/v1/engines``: what can be asked here, what is missing, and how each engine is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.models import EngineState
from jobs.services import engine_state
from jobs.services.engine_state import gate
from pixtasks.common.sql import database_now
from tasktypes.models import Measure
from tasktypes.services import throughput
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return factories.client_of(factories.user())


def engine(client: APIClient, name: str = "openverse") -> dict[str, Any]:
    answer = client.get(f"/api/v1/engines/{name}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_every_name_is_listed_with_what_it_takes_and_misses(client: APIClient, settings: Any) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {"google": "sample"}
    settings.PIXTASKS_DEFAULT_ENGINES = ["openverse"]
    items = {one["name"]: one for one in client.get("/api/v1/engines").json()["items"]}
    assert {"sample", "urls", "site", "directory", "openverse", "wikimedia", "google", "bing"} <= items.keys()
    assert (items["google"]["backend"], items["google"]["configured"]) == ("sample", True)
    assert items["site"]["options"]["properties"]["max_pages"]["default"] == 10
    assert [name for name, one in items.items() if one["default"]] == ["openverse"]
    assert items["openverse"]["homepage"].startswith("https://")
    told = {name: [items[name][fact] for fact in ("page_size", "depth", "licensed")] for name in ("openverse", "brave")}
    assert told == {"openverse": [20, 400, True], "brave": [200, 200, False]}
    assert [items["site"][fact] for fact in ("page_size", "depth", "licensed")] == [None, None, False]
    assert all(one["configured"] == (one["missing"] == []) for one in items.values())
    settings.PIXTASKS_SAMPLES = False
    assert engine(client, "google")["missing"] == ["PIXTASKS_SAMPLES"]


def test_limits_and_shares_of_answers_are_told(client: APIClient, settings: Any) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"engine:openverse": "10/60"}
    throughput.record({(Measure.ANSWERED, "engine:openverse"): 3, (Measure.ERRED, "engine:openverse"): 1})
    found = engine(client)
    assert found["limits"] == {"starts": 10, "window_seconds": 60.0, "used": 0}
    assert (found["health"]["success_hour"], found["health"]["success_day"]) == (0.75, 0.75)
    assert found["health"]["state"] == "closed"
    assert engine(client, "sample")["limits"] is None


def test_what_registered_callers_are_answered_is_told(client: APIClient, settings: Any) -> None:
    names = ["PIXTASKS_OPENVERSE_CLIENT_ID", "PIXTASKS_OPENVERSE_CLIENT_SECRET"]
    told = {
        "settings": names,
        "anonymous": {"page_size": 20, "results": 400},
        "credentials": {"page_size": 500, "results": 10_000},
    }
    assert engine(client)["access"] == {"registered": False, **told}
    settings.PIXTASKS_OPENVERSE_CLIENT_ID = "an-id"
    assert (engine(client)["configured"], engine(client)["missing"]) == (False, names[1:])
    assert engine(client)["access"]["registered"] is False
    settings.PIXTASKS_OPENVERSE_CLIENT_SECRET = "a-secret"
    found = client.get("/api/v1/engines/openverse")
    assert found.json()["access"] == {"registered": True, **told}
    assert found.json()["configured"] is True
    assert b"an-id" not in found.content and b"a-secret" not in found.content
    assert engine(client, "sample")["access"] is None


def test_the_breaker_the_pause_and_the_last_error_are_told(client: APIClient, settings: Any) -> None:
    settings.PIXTASKS_ENGINE_FAILURES = 1
    engine_state.failed(gate("openverse"), "openverse found nothing for 'a private word'", private="a private word")
    health = engine(client)["health"]
    assert (health["state"], health["consecutive_failures"]) == ("open", 1)
    assert health["next_try"] is not None
    assert health["last_error"] == "openverse found nothing for '…'"
    EngineState.objects.update(retry_at=database_now() - timedelta(seconds=1))
    assert engine(client)["health"]["state"] == "half-open"
    engine_state.pause_engine("openverse", reason="we talk to them")
    health = engine(client)["health"]
    assert (health["state"], health["paused_by_operator"], health["reason"]) == ("paused", True, "we talk to them")
    engine_state.resume_engine("openverse")
    assert engine(client)["health"]["state"] == "closed"


def test_the_list_asks_the_same_however_many_engines_are_remembered(
    client: APIClient, django_assert_max_num_queries: Any
) -> None:
    EngineState.objects.bulk_create([EngineState(name=f"engine{number}") for number in range(50)])
    with django_assert_max_num_queries(12):
        client.get("/api/v1/engines")


def test_an_unknown_engine_and_a_stranger_are_refused(client: APIClient) -> None:
    answer = client.get("/api/v1/engines/nothing")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Engine not found"})
    assert factories.anonymous().get("/api/v1/engines").status_code == 401
