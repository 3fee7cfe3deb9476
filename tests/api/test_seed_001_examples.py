"""Every example that the jobs document shows, request by request: the literal answer, or its literal shape.

The document is ``seeds/001``; its sections are named in the tests. Ids differ, nothing else does.
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from jobs.models import Chunk, CrawlJob, Image
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.states import State
from tests import factories
from tests.accounts.factories import PASSWORD
from tests.ledger import run_all

API = "/api/v1"


@pytest.fixture
def bearer(owner: User) -> APIClient:
    """Authentication: a client with the token of the documented sign-in."""
    response = Client().post(
        f"{API}/auth/login", {"email": owner.email, "password": PASSWORD}, content_type="application/json"
    )
    assert response.status_code == 200
    body = response.json()
    assert {key: body[key] for key in ("token_type", "expires_in")} == {"token_type": "bearer", "expires_in": 3600}
    assert body["access_token"].startswith("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access_token']}")
    return client


def post(client: APIClient, path: str, data: str = "") -> Any:
    """POST as the curl and requests examples do: a JSON content type, and a body or none."""
    return client.post(f"{API}{path}", data, content_type="application/json")


def documented(owner: User) -> CrawlJob:
    """The job of the chunk example: three keywords at google and bing."""
    return factories.job(owner=owner, keywords=["laptop", "computer", "notebook"], engines=["google", "bing"])


def test_start_crawl_job(bearer: APIClient, owner: User) -> None:
    """Section "Start Crawl Job": the success response, and the chunk arithmetic of "Chunk-Based Processing"."""
    job = documented(owner)
    response = post(bearer, f"/jobs/{job.pk}/start")
    assert response.status_code == 200
    result = response.json()
    assert list(result) == ["job_id", "status", "task_ids", "total_chunks", "message"]
    assert result | {"task_ids": []} == {
        "job_id": job.pk,
        "status": "running",
        "task_ids": [],
        "total_chunks": 6,
        "message": "Job started with 6 tasks",
    }
    assert [uuid.UUID(task_id).version for task_id in result["task_ids"]] == [4] * 6


def test_start_crawl_job_errors(bearer: APIClient, owner: User) -> None:
    """Section "Start Crawl Job", error responses 400, 404 and 403."""
    job = factories.started_job(owner=owner)
    for number, status, detail in (
        (job.pk, 400, "Cannot start job with status 'running'. Only pending jobs can be started."),
        (987_654, 404, "Crawl job not found"),
        (factories.job().pk, 403, "Access denied to this resource"),
    ):
        response = post(bearer, f"/jobs/{number}/start")
        assert (response.status_code, response.json()) == (status, {"detail": detail})


def test_stop_crawl_job(bearer: APIClient, owner: User) -> None:
    """Section "Stop Crawl Job": the success response and the 400."""
    job = documented(owner)
    post(bearer, f"/jobs/{job.pk}/start")
    response = post(bearer, f"/jobs/{job.pk}/cancel")
    assert (response.status_code, response.json()) == (
        200,
        {
            "job_id": job.pk,
            "status": "cancelled",
            "revoked_tasks": 6,
            "message": "Job cancelled successfully. 6 task(s) revoked.",
        },
    )
    done = factories.end_job(factories.started_job(owner=owner))
    response = post(bearer, f"/jobs/{done.pk}/cancel")
    assert (response.status_code, response.json()) == (400, {"detail": "Cannot cancel job with status: completed"})


def test_get_job_progress(bearer: APIClient, owner: User) -> None:
    """Section "Get Job Progress": the very figures, and the form of the times."""
    job = factories.started_job(owner=owner, keywords=[f"word {n}" for n in range(10)], max_images=100)
    tasks = factories.tasks_of(job)
    for task in tasks[:7]:
        factories.end(task, images=100)
    factories.end(tasks[7], State.FAILED)
    for task in tasks[8:]:
        factories.report(task, images=25)
    Task.objects.update(completed_at=timezone.now() - timedelta(minutes=10))
    body = bearer.get(f"{API}/jobs/{job.pk}/progress").json()
    times = {key: body.pop(key) for key in ("started_at", "updated_at")}
    assert body == {
        "job_id": job.pk,
        "status": "running",
        "progress": 75,
        "total_chunks": 10,
        "active_chunks": 2,
        "completed_chunks": 7,
        "failed_chunks": 1,
        "downloaded_images": 750,
        "estimated_completion": None,
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment) for moment in times.values())


def test_progress_tracking(bearer: APIClient, owner: User) -> None:
    """Section "Progress Tracking": ten chunks, seven completed, one failed, two active are 70 percent."""
    job = factories.started_job(owner=owner, keywords=[f"word {n}" for n in range(10)])
    for task, state in zip(factories.tasks_of(job), [State.COMPLETED] * 7 + [State.FAILED], strict=False):
        factories.end(task, state)
    assert bearer.get(f"{API}/jobs/{job.pk}/progress").json()["progress"] == 70


def test_validate_job_images(bearer: APIClient, owner: User) -> None:
    """Section "Validate Job Images": a hundred images, three tasks, the level left out and given."""
    job = factories.started_job(owner=owner)
    chunk = Chunk.objects.get(job=job)
    template = factories.image(job)
    same = {field.attname: getattr(template, field.attname) for field in Image._meta.fields if field.name != "id"}
    Image.objects.bulk_create(Image(**{**same, "sha256": f"{n:064x}"}) for n in range(99))
    assert chunk.image_rows.count() == 100
    response = post(bearer, f"/validation/job/{job.pk}/", '{"level": "medium"}')
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
    assert post(bearer, f"/validation/job/{job.pk}/").json()["validation_level"] == "medium"


def test_validate_job_images_errors(bearer: APIClient, owner: User) -> None:
    """Section "Validate Job Images", error responses 404 and 422."""
    job = factories.job(owner=owner)
    response = post(bearer, f"/validation/job/{job.pk}/", '{"level": "medium"}')
    assert (response.status_code, response.json()) == (404, {"detail": f"No images found for job {job.pk}"})
    response = post(bearer, f"/validation/job/{job.pk}/", '{"level": "best"}')
    assert (response.status_code, response.json()) == (
        422,
        {
            "detail": [
                {
                    "loc": ["body", "level"],
                    "msg": "value is not a valid enumeration member; permitted: 'fast', 'medium', 'slow'",
                    "type": "type_error.enum",
                }
            ]
        },
    )


def test_common_http_status_codes(bearer: APIClient, owner: User, settings: Settings) -> None:
    """Section "Error Handling": each status is used, every error has its ``detail`` (CONTRACT J30, J31)."""
    project = bearer.post(f"{API}/projects", {"name": "Computers"}, format="json")
    body = {"project_id": project.json()["id"], "name": "A job", "keywords": ["laptop"], "engines": ["google"]}
    created = bearer.post(f"{API}/jobs", body, format="json")
    job_id = created.json()["id"]
    answers = {
        201: created,
        200: post(bearer, f"/jobs/{job_id}/start"),
        400: post(bearer, f"/jobs/{job_id}/start"),
        401: Client().post(f"{API}/jobs/{job_id}/start"),
        403: post(bearer, f"/jobs/{factories.job().pk}/start"),
        404: post(bearer, "/jobs/987654/start"),
        422: post(bearer, "/jobs", "{}"),
    }
    for _ in range(7):
        answers[429] = post(bearer, f"/jobs/{job_id}/start")
    assert answers[429]["Retry-After"]
    for status, response in answers.items():
        assert response.status_code == status
        assert status < 400 or response.json().get("detail", "Unknown error") != "Unknown error"


def test_an_unexpected_error_is_a_500_with_a_detail_in_json(owner: User, bearer: APIClient) -> None:
    """Sections "Common HTTP Status Codes" and "Python Error Handling" (CONTRACT J45): never a page, no stack."""
    job = factories.started_job(owner=owner)
    # A row that no service writes: rendering its chunk cannot work.
    Task.objects.filter(group=job.group).update(progress=["no", "object"])
    bearer.raise_request_exception = False
    response = bearer.get(f"{API}/jobs/{job.pk}/chunks")
    assert (response.status_code, response["Content-Type"]) == (500, "application/json")
    assert response["X-Request-ID"] in response.json()["detail"]
    assert b"Traceback" not in response.content


def test_complete_workflow_example(bearer: APIClient, owner: User, settings: Settings, tmp_path: Any) -> None:
    """Section "Complete Workflow Example" (CONTRACT J42): start, watch until it ends, validate.

    The pictures come from a folder, through the same fetch and storage as any other engine's.
    """
    settings.PIXTASKS_DIRECTORY_ROOTS = [str(tmp_path)]
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(factories.picture().data)
    job = factories.job(
        owner=owner, keywords=["folder"], engines=["directory"], options={"directory": {"path": str(tmp_path)}}
    )
    start_result = post(bearer, f"/jobs/{job.pk}/start").json()
    assert start_result["total_chunks"] == 1
    for _ in range(10):
        progress = bearer.get(f"{API}/jobs/{job.pk}/progress").json()
        if progress["status"] in ["completed", "failed", "cancelled"]:
            break
        run_all()
    assert (progress["status"], progress["progress"], progress["downloaded_images"]) == ("completed", 100, 5)
    response = bearer.post(f"{API}/validation/job/{job.pk}/", {"level": "medium"}, format="json")
    assert (response.status_code, response.json()["images_count"]) == (200, 5)
    run_all()
    assert bearer.get(f"{API}/jobs/{job.pk}").json()["valid_images"] == 5


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/redoc"])
def test_additional_resources(path: str, db: None) -> None:
    """Section "Additional Resources": at the root, without credentials (CONTRACT J43)."""
    assert Client().get(path).status_code == 200
