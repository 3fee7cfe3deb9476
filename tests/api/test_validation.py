"""``/api/v1/validation/job/{id}/`` and its results (CONTRACT J23-J29, X15, X16, X24, X68)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from jobs.models import CrawlJob, Issue, Level, ValidationRun
from pixtasks.accounts.models import AuditEntry, User
from tasktypes.models import Task
from tests import factories
from tests.images import broken_images


def url(job: CrawlJob) -> str:
    return f"/api/v1/validation/job/{job.pk}/"


def rows(job: CrawlJob, number: int) -> None:
    """Insert that many images without files: enough to be counted into batches."""
    first = factories.image(job)
    model = type(first)
    values = {field.attname: getattr(first, field.attname) for field in model._meta.fields if field.name != "id"}
    model.objects.bulk_create(model(**{**values, "sha256": f"{n:064x}"}) for n in range(number - 1))


@pytest.fixture
def job(owner: User) -> CrawlJob:
    return factories.started_job(owner=owner)


def test_a_hundred_images_are_three_tasks_with_the_documented_ids(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT J23-J26, X15, X16: the index goes on when the job is validated again."""
    rows(job, 100)
    response = client.post(url(job), {"level": "medium"}, format="json")
    assert (response.status_code, response.json()) == (
        200,
        {
            "job_id": job.pk,
            "images_count": 100,
            "validation_level": "medium",
            "task_ids": [f"task_{job.pk}_0", f"task_{job.pk}_1", f"task_{job.pk}_2"],
            "message": "Validation started for 100 images",
        },
    )
    tasks = Task.objects.filter(type_name="jobs.validate_images_medium")
    assert sorted(len(task.parameters["image_ids"]) for task in tasks) == [20, 40, 40]
    assert client.post(url(job)).json()["task_ids"] == [f"task_{job.pk}_{n}" for n in (3, 4, 5)]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("data", [b"", b"{}", b" "])
def test_an_empty_body_means_medium(client: APIClient, job: CrawlJob, data: bytes, slash: str) -> None:
    """CONTRACT J23, X08."""
    factories.image(job)
    response = client.post(url(job).rstrip("/") + slash, data, content_type="application/json")
    assert (response.status_code, response.json()["validation_level"]) == (200, "medium")


def test_a_request_without_body_and_type_means_medium(client: APIClient, job: CrawlJob) -> None:
    factories.image(job)
    assert client.post(url(job)).json()["validation_level"] == "medium"


@pytest.mark.parametrize("level", ["fast", "medium", "slow"])
def test_each_level_has_its_own_handler(client: APIClient, job: CrawlJob, level: str) -> None:
    """CONTRACT J24, J35."""
    factories.image(job)
    body = client.post(url(job), {"level": level}, format="json").json()
    assert (body["validation_level"], len(body["task_ids"])) == (level, 1)
    assert Task.objects.get(public_id=body["task_ids"][0]).type_name == f"jobs.validate_images_{level}"


@pytest.mark.parametrize("level", ["thorough", "", "FAST", 1, None, [], {}])
def test_any_other_level_is_refused_byte_by_byte(client: APIClient, job: CrawlJob, level: object) -> None:
    """CONTRACT J28."""
    factories.image(job)
    response = client.post(url(job), {"level": level}, format="json")
    assert response.status_code == 422
    assert response.content == (
        b'{"detail":[{"loc":["body","level"],"msg":"value is not a valid enumeration member; '
        b"permitted: 'fast', 'medium', 'slow'\",\"type\":\"type_error.enum\"}]}"
    )
    assert not ValidationRun.objects.exists()


def test_a_bad_level_is_named_also_where_there_are_no_images(client: APIClient, job: CrawlJob) -> None:
    assert client.post(url(job), {"level": "x"}, format="json").status_code == 422


def test_other_fields_are_refused(client: APIClient, job: CrawlJob) -> None:
    response = client.post(url(job), {"level": "fast", "images": [1]}, format="json")
    assert response.json()["detail"][0] == {
        "loc": ["body", "images"], "msg": "extra fields not permitted", "type": "value_error.extra",
    }  # fmt: skip


def test_a_job_without_images_is_a_404(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT J27."""
    response = client.post(url(job), {"level": "medium"}, format="json")
    assert (response.status_code, response.json()) == (404, {"detail": f"No images found for job {job.pk}"})


def test_a_start_is_audited_and_happens_once_under_a_key(client: APIClient, owner: User, job: CrawlJob) -> None:
    factories.image(job)
    answers = [client.post(url(job), headers={"Idempotency-Key": "v"}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert ValidationRun.objects.get().created_by == owner
    assert AuditEntry.objects.get(action="validation.started").detail == {"level": "medium", "images": 1}


def test_the_summary_counts_by_level_and_issue_and_shows_the_runs(client: APIClient, job: CrawlJob) -> None:
    broken = broken_images()
    factories.image(job)
    factories.image(job, broken["cut.jpg"])
    factories.image(job, broken["blank.png"], format="png", content_type="image/gif")
    factories.validated(job, Level.FAST)
    factories.validated(job, Level.MEDIUM)
    factories.image(job)
    body = client.get(url(job)).json()
    assert (body["job_id"], body["images"], body["valid"], body["invalid"], body["unchecked"]) == (
        job.pk, 4, 1, 2, 1,
    )  # fmt: skip
    assert body["levels"] == {
        "fast": {"images": 3, "valid": 3, "invalid": 0},
        "medium": {"images": 3, "valid": 1, "invalid": 2},
    }
    by_kind = {item["issue"]: item for item in body["issues"]}
    assert by_kind["truncated"] == {
        "issue": "truncated", "description": "The file ends before the picture does.", "images": 1,
    }  # fmt: skip
    assert by_kind["blank"]["images"] == 1
    # The blank picture has it at both levels, and is one image.
    assert by_kind["wrong_content_type"]["images"] == 1
    medium, fast = body["runs"]
    assert (medium["level"], medium["status"], medium["progress"], medium["images_count"]) == (
        "medium", "completed", 100, 3,
    )  # fmt: skip
    assert (fast["level"], fast["total_tasks"], fast["completed_tasks"], fast["active_tasks"]) == ("fast", 1, 1, 0)
    assert medium["completed_at"].endswith("Z")


def test_a_run_shows_how_far_it_is(client: APIClient, job: CrawlJob) -> None:
    rows(job, 80)
    client.post(url(job))
    first, second = Task.objects.filter(type_name="jobs.validate_images_medium").order_by("pk")
    factories.end(first, images=40, done=40)
    factories.report(second, images=40, done=10)
    (run,) = client.get(url(job)).json()["runs"]
    assert (run["status"], run["progress"], run["active_tasks"], run["completed_at"]) == ("running", 62, 1, None)


def test_a_job_that_was_never_validated_has_an_empty_summary(client: APIClient, job: CrawlJob) -> None:
    factories.image(job)
    assert client.get(url(job)).json() == {
        "job_id": job.pk, "images": 1, "valid": 0, "invalid": 0, "unchecked": 1, "levels": {}, "issues": [], "runs": [],
    }  # fmt: skip


def test_results_are_one_per_image_and_level_with_filters(client: APIClient, job: CrawlJob) -> None:
    good, cut = factories.image(job), factories.image(job, broken_images()["cut.jpg"])
    for level in ("fast", "medium"):
        client.post(url(job), {"level": level}, format="json")
        factories.run_validation(job)

    def found(**query: str) -> list[tuple[int, str]]:
        response = client.get(f"{url(job)}results", query)
        assert response.status_code == 200, response.content
        return [(item["image_id"], item["level"]) for item in response.json()["items"]]

    assert found() == [(good.pk, "fast"), (good.pk, "medium"), (cut.pk, "fast"), (cut.pk, "medium")]
    assert found(level="fast") == [(good.pk, "fast"), (cut.pk, "fast")]
    assert found(valid="false") == [(cut.pk, "medium")]
    assert found(valid="true", level="medium") == [(good.pk, "medium")]
    assert found(issue="truncated") == [(cut.pk, "medium")]
    item = client.get(f"{url(job)}results", {"issue": "truncated"}).json()["items"][0]
    assert (item["is_valid"], item["issues"]) == (False, ["truncated"])
    assert item["measurements"]["width"] == 400 and item["created_at"].endswith("Z")


def test_results_come_by_cursor_without_a_gap_or_a_repetition(client: APIClient, job: CrawlJob) -> None:
    for _ in range(3):
        factories.image(job)
    for level in (Level.FAST, Level.MEDIUM):
        factories.validated(job, level)
    seen: list[tuple[int, str]] = []
    cursor = ""
    while cursor is not None:
        query: dict[str, Any] = {"limit": 4, **({"cursor": cursor} if cursor else {})}
        body = client.get(f"{url(job)}results", query).json()
        seen += [(item["image_id"], item["level"]) for item in body["items"]]
        cursor = body["next"]
    assert len(seen) == len(set(seen)) == 6
    assert seen == sorted(seen)


@pytest.mark.parametrize("query", ["level=thorough", "valid=unchecked", "issue=ugly", "cursor=WzFd", "limit=0"])
def test_a_query_that_the_dialect_does_not_know_is_a_422(client: APIClient, job: CrawlJob, query: str) -> None:
    response = client.get(f"{url(job)}results?{query}")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]


def test_more_images_and_runs_ask_the_database_no_more_often(
    client: APIClient, job: CrawlJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        factories.image(job, broken_images()["cut.jpg"] + bytes([job.image_rows.count()]))
        factories.validated(job)
        with django_assert_num_queries(5):  # Token, user, job, verdicts, their issues.
            client.get(f"{url(job)}results")
        with django_assert_num_queries(8):  # Token, user, job, levels, issues, two counts, runs.
            client.get(url(job))


def test_a_slow_run_looks_for_look_alikes_at_its_end(client: APIClient, job: CrawlJob) -> None:
    photo = factories.picture(seed=9)
    factories.image(job, photo.data)
    factories.image(job, photo.data + b"\0")
    response = client.post(url(job), json.dumps({"level": "slow"}), content_type="application/json")
    assert len(response.json()["task_ids"]) == 1
    factories.run_validation(job)
    body = client.get(url(job)).json()
    assert (body["runs"][0]["status"], body["runs"][0]["total_tasks"]) == ("completed", 2)
    assert Issue.objects.filter(kind="near_duplicate").count() == 1
