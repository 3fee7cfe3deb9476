"""The option ``rebalance`` over HTTP: set with a job, shown with its chunks."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.models import Chunk, CrawlJob
from pixtasks.accounts.models import User
from tasktypes.states import State
from tests import factories

URL = "/api/v1/jobs"


def wanted(owner: User, **fields: Any) -> dict[str, Any]:
    return {
        "project_id": factories.project(owner).pk,
        "name": "Foxes",
        "keywords": ["fox"],
        "engines": ["google", "bing"],
        "max_images": 10,
        **fields,
    }


def test_it_is_off_and_can_be_set_and_changed_until_the_job_starts(client: APIClient, owner: User) -> None:
    plain = client.post(URL, wanted(owner), format="json").json()
    assert plain["rebalance"] is False
    body = wanted(owner, rebalance=True)
    job = client.post(URL, body, format="json").json()
    assert job["rebalance"] is True
    project_id = body.pop("project_id")
    assert client.post(f"/api/v1/projects/{project_id}/jobs", body, format="json").json()["rebalance"] is True
    address = f"{URL}/{plain['id']}"
    assert client.patch(address, {"rebalance": True}, format="json").json()["rebalance"] is True
    assert client.patch(address, {"name": "Owls"}, format="json").json()["rebalance"] is True
    client.post(f"{address}/start")
    refused = client.patch(address, {"rebalance": False}, format="json")
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "Cannot change rebalance of a job with status: running",
    )


@pytest.mark.parametrize("value", [1, "yes", None, []])
def test_anything_but_true_or_false_is_a_422(client: APIClient, owner: User, value: Any) -> None:
    refused = client.post(URL, wanted(owner, rebalance=value), format="json")
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "rebalance"]


def test_a_chunk_shows_what_it_is_asked_for_now_and_was_at_first(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, engines=["google", "bing"], max_images=10, rebalance=True)
    first, _ = factories.tasks_of(job)
    factories.end(first, State.FAILED, error="the engine is gone")
    items = client.get(f"{URL}/{job.pk}/chunks").json()["items"]
    assert [(one["target"], one["original_target"]) for one in items] == [(0, 10), (20, 10)]
    plain = factories.started_job(owner=owner, max_images=10)
    (item,) = client.get(f"{URL}/{plain.pk}/chunks").json()["items"]
    assert (item["target"], item["original_target"]) == (10, 10)
    assert Chunk.objects.get(job=plain).target is None
    assert CrawlJob.objects.get(pk=job.pk).max_images == 10
