"""``POST /api/v1/automated-gather/start`` (CONTRACT G01-G13, G43, G44, X53, X56, X60)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from gather.models import GatherRun
from jobs.models import CrawlJob, Project
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tests import factories
from tests.accounts.factories import make_key
from tests.api_gather.conftest import BASE, BODY, START, a_run, record, refused, start

NOWHERE = "redis://127.0.0.1:1/0"
COUNT = "gatherCount must be between 1 and 100"
INTERVAL = "saveInterval must be between 1 and 50"


def nothing_was_made() -> bool:
    return not any(model.objects.exists() for model in (Task, GatherRun, CrawlJob, Project))


def test_a_start_is_accepted_with_the_documented_body(api: APIClient) -> None:
    response = start(api)
    assert response.status_code == 202
    run = GatherRun.objects.get()
    assert response.json() == {
        "taskId": run.task.public_id,
        "status": "pending",
        "message": "Automated gather task started successfully",
        "data": {"projectId": "my-project", "gatherCount": 10, "estimatedDuration": 300},
    }
    assert (run.task.type_name, run.task.status) == ("automated_gather", "pending")


def test_both_forms_of_the_path_answer(api: APIClient) -> None:
    assert api.post(f"{START}/", BODY, format="json").status_code == 202


def test_defaults_are_those_of_the_document(api: APIClient) -> None:
    start(api)
    run = GatherRun.objects.get()
    assert (run.gather_count, run.save_interval, run.error_recovery) == (10, 5, True)


@pytest.mark.parametrize("count", [1, 100])
def test_one_and_a_hundred_iterations_are_accepted(api: APIClient, count: int) -> None:
    assert start(api, BODY | {"gatherCount": count}).json()["data"]["gatherCount"] == count


@pytest.mark.parametrize("count", [0, 101, -1, "10", 1.5, 10.0, True, None, [], {}, 2**70, "missing"])
def test_any_other_count_is_refused_in_the_documented_words(api: APIClient, count: Any) -> None:
    body = {"projectId": "my-project"} if count == "missing" else BODY | {"gatherCount": count}
    assert refused(start(api, body), 400, "VALIDATION_ERROR") == COUNT
    assert nothing_was_made()


@pytest.mark.parametrize("project", [None, "", " ", 7, True, ["a"], "a/b", "x" * 201, "missing"])
def test_a_project_that_is_no_text_of_an_id_is_refused(api: APIClient, project: Any) -> None:
    body = {"gatherCount": 10} if project == "missing" else BODY | {"projectId": project}
    assert "projectId" in refused(start(api, body), 400, "VALIDATION_ERROR")
    assert nothing_was_made()


@pytest.mark.parametrize(
    "options", [{}, {"saveInterval": 1}, {"saveInterval": 50}, {"saveInterval": 5, "errorRecovery": True}]
)
def test_options_may_be_partial(api: APIClient, options: dict[str, Any]) -> None:
    assert start(api, BODY | {"options": options}).status_code == 202


@pytest.mark.parametrize("interval", [0, 51, "5", 2.5, True, None])
def test_any_other_save_interval_is_refused_in_the_documented_words(api: APIClient, interval: Any) -> None:
    response = start(api, BODY | {"options": {"saveInterval": interval}})
    assert refused(response, 400, "VALIDATION_ERROR") == INTERVAL
    assert response.json()["details"][0]["loc"] == ["body", "options", "saveInterval"]
    assert nothing_was_made()


@pytest.mark.parametrize(
    "options",
    [
        None,
        [],
        "fast",
        {"errorRecovery": "yes"},
        {"errorRecovery": 1},
        {"notificationPreferences": {"onComplete": "true"}},
        {"notificationPreferences": []},
        {"unknown": 1},
        {"keywords": []},
        {"engines": []},
        {"keywords": "laptop"},
    ],
)
def test_options_of_another_form_are_refused(api: APIClient, options: Any) -> None:
    response = start(api, BODY | {"options": options})
    refused(response, 400, "VALIDATION_ERROR")
    assert response.json()["details"][0]["loc"][:2] == ["body", "options"]
    assert nothing_was_made()


@pytest.mark.parametrize("body", [[], [BODY], "text", 5, None, {**BODY, "extra": 1}])
def test_a_body_of_another_form_is_refused(api: APIClient, body: Any) -> None:
    refused(start(api, body), 400, "VALIDATION_ERROR")
    assert nothing_was_made()


def test_every_fault_is_told_and_the_message_is_that_of_the_first(api: APIClient) -> None:
    response = start(api, {"projectId": "a", "gatherCount": 0, "options": {"saveInterval": 99}})
    assert refused(response, 400, "VALIDATION_ERROR") == COUNT
    assert [fault["msg"] for fault in response.json()["details"]] == [COUNT, INTERVAL]


def test_an_engine_that_is_not_there_is_refused_before_anything_is_made(api: APIClient) -> None:
    refused(start(api, BODY | {"options": {"engines": ["no-such-engine"]}}), 400, "VALIDATION_ERROR")
    assert not GatherRun.objects.exists() and not Task.objects.exists()


def test_a_project_is_named_by_its_slug_or_by_its_id(ann_client: APIClient, ann: User) -> None:
    project = factories.project(ann)
    for name in (project.slug, str(project.pk)):
        assert start(ann_client, BODY | {"projectId": name}).json()["data"]["projectId"] == name
    assert {run.project_id for run in GatherRun.objects.all()} == {project.pk}


def test_an_unknown_project_is_made_for_the_caller_on_first_use(ann_client: APIClient, ann: User) -> None:
    assert start(ann_client).status_code == start(ann_client).status_code == 202
    project = Project.objects.get()
    assert (project.slug, project.owner) == ("my-project", ann)


def test_somebody_elses_project_is_forbidden(ann: User, bob_client: APIClient) -> None:
    project = factories.project(ann)
    for name in (project.slug, str(project.pk)):
        response = start(bob_client, BODY | {"projectId": name})
        assert refused(response, 403, "FORBIDDEN") == "Access denied to this resource"
    assert not GatherRun.objects.exists()


def test_the_estimate_follows_the_projects_history(ann_client: APIClient, ann: User) -> None:
    run = a_run(ann)
    for iteration, seconds in enumerate((2.0, 4.0, 60.0), start=1):
        record(run, iteration, seconds=seconds)
    assert start(ann_client).json()["data"]["estimatedDuration"] == 40, "ten times the median"
    assert start(ann_client, BODY | {"projectId": "another"}).json()["data"]["estimatedDuration"] == 300


def test_starts_beyond_the_rate_are_refused_and_told_when_to_come_back(
    api: APIClient, limit: Callable[[str], None]
) -> None:
    limit("2/day")
    assert [start(api).status_code for _ in range(2)] == [202, 202]
    response = start(api)
    assert "at most 2" in refused(response, 429, "RATE_LIMITED")
    assert int(response["Retry-After"]) > 0
    assert GatherRun.objects.count() == 2


def test_a_start_that_is_not_valid_costs_nothing_of_the_rate(api: APIClient, limit: Callable[[str], None]) -> None:
    limit("1/day")
    for _ in range(3):
        refused(start(api, BODY | {"gatherCount": 0}), 400, "VALIDATION_ERROR")
    assert start(api).status_code == 202


def test_the_rate_is_each_users_own(ann_client: APIClient, bob_client: APIClient, limit: Callable[[str], None]) -> None:
    limit("1/day")
    bodies = [BODY | {"projectId": "anns"}] * 2 + [BODY | {"projectId": "bobs"}]
    who = (ann_client, ann_client, bob_client)
    assert [start(one, body).status_code for one, body in zip(who, bodies, strict=True)] == [202, 429, 202]


def test_ten_starts_a_minute_are_the_default(settings: Settings) -> None:
    assert settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["start_gather"] == "10/minute"


def test_a_broker_that_is_down_is_said_at_once_and_nothing_is_made(api: APIClient, settings: Settings) -> None:
    settings.REDIS_URL = NOWHERE
    response = start(api)
    assert "Redis connection refused" in refused(response, 500, "TASK_SUBMISSION_FAILED")
    assert int(response["Retry-After"]) > 0
    assert nothing_was_made()
    refused(start(api, BODY | {"gatherCount": 0}), 400, "VALIDATION_ERROR")


def test_a_broker_that_takes_the_call_and_says_nothing_is_not_waited_for(api: APIClient, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        response = start(api)
    assert "does not answer" in refused(response, 500, "TASK_SUBMISSION_FAILED")
    assert nothing_was_made()


def test_a_start_that_failed_can_be_repeated_under_its_key_once_the_broker_is_back(
    api: APIClient, settings: Settings
) -> None:
    answering, settings.REDIS_URL = settings.REDIS_URL, NOWHERE
    refused(start(api, **{"Idempotency-Key": "once"}), 500, "TASK_SUBMISSION_FAILED")
    settings.REDIS_URL = answering
    assert start(api, **{"Idempotency-Key": "once"}).status_code == 202
    assert GatherRun.objects.count() == 1


def test_a_repetition_under_the_same_key_starts_nothing(api: APIClient) -> None:
    first, again = (start(api, **{"Idempotency-Key": "once"}) for _ in range(2))
    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Idempotency-Replayed"] == "true"
    assert GatherRun.objects.count() == 1
    refused(start(api, BODY | {"gatherCount": 5}, **{"Idempotency-Key": "once"}), 400, "VALIDATION_ERROR")
    refused(start(api, **{"Idempotency-Key": "a b"}), 400, "VALIDATION_ERROR")


def test_a_wrong_key_is_refused_and_a_right_one_acts_as_its_owner(api: APIClient, ann: User) -> None:
    refused(start(api, **{"X-API-Key": "wrong"}), 401, "UNAUTHORIZED")
    assert start(api, **{"X-API-Key": make_key(ann)[1]}).status_code == 202
    assert Project.objects.get().owner == ann


def test_a_key_that_only_reads_starts_nothing(api: APIClient, ann: User) -> None:
    key = {"X-API-Key": make_key(ann, "read")[1]}
    refused(start(api, **key), 403, "FORBIDDEN")
    assert nothing_was_made()
    assert api.get(f"{BASE}/runs", headers=key).status_code == 200


def test_without_credentials_nobody_starts_where_the_anonymous_api_is_off(api: APIClient, settings: Settings) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    response = start(api)
    refused(response, 401, "UNAUTHORIZED")
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert nothing_was_made()
