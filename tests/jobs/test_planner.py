"""What a job is going to cost is told before it is started, and telling changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs.licenses import LicensePolicy
from jobs.models import EngineState, Image
from jobs.services import engine_state, planner
from jobs.services.engine_state import gate
from jobs.services.planner import plan, plan_job, quota_wait, start_wait
from pixtasks.common.sql import database_now
from tasktypes.models import BucketStart, Task
from tests import factories
from tests.attack.world import snapshot

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("chunks", "used", "seconds"), [(1, 0, 0), (10, 0, 0), (11, 0, 60), (1, 10, 60), (30, 0, 120), (30, 1, 180)]
)
def test_a_limit_of_ten_a_minute_lets_ten_begin_in_any_minute(chunks: int, used: int, seconds: int) -> None:
    assert start_wait(chunks, starts=10, window=60, used=used) == seconds


@pytest.mark.parametrize(
    ("requests", "limit", "remaining", "seconds"), [(5, 20, 5, 0), (6, 20, 5, 30), (45, 20, 5, 60), (45, None, 5, 30)]
)
def test_a_quota_of_the_source_holds_further_requests_up(
    requests: int, limit: int | None, remaining: int, seconds: int
) -> None:
    assert quota_wait(requests, limit=limit, remaining=remaining, reset=30) == seconds


def test_requests_disk_and_time_are_counted(settings: Any) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"engine:openverse": "2/60"}
    made = plan(["fox", "owl", "cat"], ["openverse"], 100)
    (one,) = made.engines
    assert (one.chunks, one.images, one.requests, one.page_basis) == (3, 300, 15, "pages of 20")
    assert one.wait_seconds == 60
    assert (one.bytes, made.bytes) == (300 * planner.BYTES_PER_IMAGE, 300 * planner.BYTES_PER_IMAGE)
    assert "default" in one.bytes_basis
    assert "default" in one.pace_basis
    first, last = made.finish
    assert made.earliest_finish <= first < last
    assert made.warnings == []


def test_this_installations_own_images_tell_their_size() -> None:
    job = factories.job_with_images(3)
    (one,) = plan(["fox"], ["urls"], 10).engines
    sizes = sorted(Image.objects.filter(job=job).values_list("bytes", flat=True))
    assert one.bytes == 10 * sizes[1]
    assert one.bytes_basis == "median of 3 images"


def test_what_speaks_against_it_is_said(settings: Any) -> None:
    settings.PIXTASKS_SAMPLES = False
    made = plan(["fox", "owl"], ["openverse", "sample", "nothing"], 1000)
    depth, missing, unknown = made.warnings
    assert depth == "openverse gives at most 400 results for a keyword, not 1000."
    assert "set PIXTASKS_SAMPLES" in missing
    assert "There is no engine 'nothing'" in unknown
    assert made.engines[0].images == 800
    engine_state.pause_engine("openverse", reason="we talk to them")
    assert any(
        "paused by an operator: we talk to them" in warning for warning in plan(["fox"], ["openverse"], 1).warnings
    )


def test_an_open_breaker_and_a_quota_move_the_finish() -> None:
    row, _ = EngineState.objects.get_or_create(name="openverse")
    now = database_now()
    EngineState.objects.update(
        quota_limit=20, quota_remaining=5, quota_reset_at=now + timedelta(seconds=100), quota_at=now,
        paused_until=now + timedelta(seconds=50),
    )  # fmt: skip
    made = plan(["fox", "owl"], ["openverse"], 100)
    assert 145 < made.engines[0].wait_seconds <= 150
    assert any("5 are left" in warning for warning in made.warnings)
    assert gate(row.pk).seconds > 0


@pytest.mark.parametrize("name", ["brave", "google", "bing", "duckduckgo", "nasa"])
def test_an_engine_that_names_no_licence_is_marked(name: str, settings: Any) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {}
    project = factories.project(license_policy=LicensePolicy(allow_unknown_license=False))
    (marked,) = plan(["fox"], [name], 10, project=project).engines
    assert (marked.licensed, marked.page_basis) == (False, f"pages of {marked.page_size}")
    assert f"{name} tells no licences, and the project takes no images of unknown licence." in (
        plan(["fox"], [name], 10, project=project).warnings
    )
    assert plan(["fox"], ["openverse"], 10).engines[0].licensed is True


def test_a_job_whose_budget_moves_says_that_nobody_knows_how_far() -> None:
    plain, moving = (plan(["fox", "owl"], ["openverse", "wikimedia"], 100, rebalance=each) for each in (False, True))
    assert (plain.requests, plain.images, plain.bytes) == (moving.requests, moving.images, moving.bytes)
    (warning,) = moving.warnings
    assert warning.startswith("What an engine cannot bring is asked of the others")
    assert warning.endswith("the job for 400 images at most.")
    assert plan(["fox"], ["openverse"], 100, rebalance=True).warnings == []
    assert plan_job(factories.job(keywords=["fox", "owl"], rebalance=True)).warnings != []


def test_planning_changes_nothing_and_asks_the_same_for_a_large_job(django_assert_max_num_queries: Any) -> None:
    job = factories.job(
        keywords=[f"word {number}" for number in range(50)], engines=["openverse", "wikimedia"], options={}
    )
    before = snapshot()
    with django_assert_max_num_queries(14):
        assert plan_job(job).chunks == 100
    assert snapshot() == before
    assert not Task.objects.exists()
    assert not BucketStart.objects.exists()


def test_it_is_told_over_http_to_whom_the_job_is() -> None:
    job = factories.job()
    found = factories.client_of(job.project.owner).post(f"/api/v1/jobs/{job.pk}/plan")
    assert found.status_code == 200
    assert (found.json()["job_id"], found.json()["chunks"], found.json()["images"]) == (job.pk, 1, 100)
    assert len(found.json()["finish_between"]) == 2
    assert factories.client_of(factories.user()).post(f"/api/v1/jobs/{job.pk}/plan").status_code == 403
