"""Progress, jobs, validations and gathers: what is told, how often, in which order, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gather.models import GatherRun
from jobs.services.crawl_jobs import cancel_job, retry_job
from jobs.services.telling import project_scope
from pixtasks.accounts.models import User
from tasktypes.models import WebhookDelivery
from tasktypes.services.cancel import cancel_task
from tasktypes.services.claim import claim
from tasktypes.services.context import LeasedContext
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tasktypes.webhooks.services.audience import scopes_of
from tests import factories
from tests.webhooks.conftest import endpoint_of, put, retry_now
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db
ENDPOINTS = "/api/webhooks/endpoints"
JOBS = ["job.completed", "job.failed", "job.cancelled"]


def running(owner: User, **fields: Any) -> LeasedContext:
    task = put(owner, **fields)
    claimed = claim(task.pk, 0, worker="tests", carrier=f"c{task.pk}")
    assert claimed is not None
    return LeasedContext(claimed, time_limit=60)


def told() -> list[tuple[str, str]]:
    return list(WebhookDelivery.objects.order_by("id").values_list("event", "subject"))


def test_progress_that_waits_is_replaced_by_later_progress(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver, events=["task.progress"])
    context = running(ann)
    for images in (1, 2, 3):
        context.checkpoint(progress={"images": images})
    assert len(told()) == 1
    retry_now()
    context.checkpoint(progress={"images": 4})
    retry_now()
    assert [request.document["task"]["progress"] for request in receiver.requests] == [{"images": 3}, {"images": 4}]


def test_progress_that_was_tried_once_is_not_changed_any_more(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver, events=["task.progress"])
    receiver.answers = [500]
    context = running(ann)
    context.checkpoint(progress={"images": 1})
    retry_now()
    context.checkpoint(progress={"images": 2})
    context.checkpoint(progress={"images": 3})
    for _ in range(3):
        retry_now()
    sent = [request.document["task"]["progress"]["images"] for request in receiver.requests]
    assert sent == [1, 1, 3]
    assert receiver.requests[0].body == receiver.requests[1].body


@pytest.mark.parametrize(
    ("metadata", "events", "number"),
    [
        ({}, None, 0),
        ({}, ["task.progress"], 1),
        ({"webhook_events": ["task.completed"]}, ["task.progress"], 0),
        ({"webhook_events": ["task.progress"]}, ["task.progress"], 1),
        ({"webhook_events": ["task.progress"]}, ["task.completed"], 0),
    ],
)
def test_progress_is_told_where_task_and_endpoint_both_want_it(
    ann: User, receiver: Receiver, metadata: Any, events: Any, number: int
) -> None:
    endpoint_of(ann, receiver, events=events)
    running(ann, metadata=metadata).checkpoint(progress={"images": 1})
    assert len(told()) == number


def test_progress_that_nobody_listens_to_costs_one_query(ann: User, bob: User, receiver: Receiver) -> None:
    endpoint_of(bob, receiver, events=["task.progress"])
    context = running(ann)
    for images in range(3):
        with CaptureQueriesContext(connection) as queries:
            context.checkpoint(progress={"images": images})
        assert len([query for query in queries if "webhook" in query["sql"]]) == 1


@pytest.mark.parametrize(
    ("state", "event"),
    [(State.COMPLETED, "job.completed"), (State.FAILED, "job.failed"), (State.CANCELLED, "job.cancelled")],
)
def test_a_jobs_end_is_told_once_each_time_it_settles(ann: User, receiver: Receiver, state: State, event: str) -> None:
    endpoint_of(ann, receiver, events=JOBS)
    job = factories.started_job(owner=ann, keywords=["laptop", "desk"])
    if state == State.CANCELLED:
        cancel_job(job)
    else:
        first, second = factories.tasks_of(job)
        factories.end(first, state)
        assert told() == []
        factories.end(second, state)
    assert told() == [(event, f"job:{job.pk}")]
    if state != State.COMPLETED:
        retry_job(job)
        factories.end_job(job)
        assert told()[1:] == [("job.completed", f"job:{job.pk}")]
        retry_now()
        assert receiver.events == [event, "job.completed"]
        assert receiver.requests[1].document["job"]["project_id"] == job.project_id


def test_a_validations_end_is_told_once(ann: User, receiver: Receiver) -> None:
    job = factories.job_with_images(2, owner=ann)
    endpoint_of(ann, receiver, events=["validation.completed", "validation.failed", "validation.cancelled"])
    run = factories.validated(job)
    assert told() == [("validation.completed", f"validation:{run.pk}")]
    retry_now()
    facts = receiver.requests[0].document["validation"]
    assert (facts["images"], facts["valid"] + facts["invalid"]) == (2, 2)


def test_deliveries_keep_order_per_endpoint_and_subject(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver, events=["task.progress", "task.completed", "task.cancelled"])
    receiver.answers = [500]
    context = running(ann)
    context.checkpoint(progress={"images": 1})
    retry_now()
    cancel_task(context.task.id)
    other = put(ann)
    cancel_task(other.pk)
    retry_now()
    retry_now()
    mine = [one.document["event"] for one in receiver.requests if one.document["task"]["id"] == context.task.id]
    assert mine[:2] == ["task.progress", "task.progress"]
    assert {row.subject for row in WebhookDelivery.objects.all()} == {
        f"task:{context.task.public_id}", f"task:{other.public_id}",
    }  # fmt: skip


def test_an_endpoint_of_a_project_is_its_owners_only(ann: User, bob: User) -> None:
    project = factories.project(ann)
    body = {"url": "https://hooks.example.com/", "project_id": project.pk, "events": JOBS}
    made = factories.client_of(ann).post(ENDPOINTS, body, format="json")
    assert (made.status_code, made.json()["project_id"], made.json()["events"]) == (201, project.pk, JOBS)
    assert factories.client_of(bob).post(ENDPOINTS, body, format="json").status_code == 403
    unknown = {**body, "project_id": 999_999}
    assert factories.client_of(ann).post(ENDPOINTS, unknown, format="json").status_code == 404


def test_an_endpoint_of_a_project_hears_of_nothing_else(ann: User, receiver: Receiver) -> None:
    project = factories.project(ann)
    endpoint_of(ann, receiver, project_id=project.pk, events=["task.completed", "job.completed"])
    job = factories.end_job(factories.started_job(project))
    factories.end_job(factories.started_job(owner=ann))
    put(ann)
    (task,) = factories.tasks_of(job)
    assert sorted(told()) == [("job.completed", f"job:{job.pk}"), ("task.completed", f"task:{task.public_id}")]


def test_tasks_of_jobs_validations_and_gathers_belong_to_their_projects(ann: User, receiver: Receiver) -> None:
    project = factories.project(ann, name="Office machines")
    job = factories.started_job(project)
    for _ in range(2):
        factories.image(job)
    factories.end_job(job, images=2)
    run = factories.validated(job)
    parameters = {"projectId": project.slug, "gatherCount": 1, "options": {"engines": ["sample"]}}
    (gathering,) = submit([NewTask(type_name="automated_gather", parameters=parameters)], owner_id=ann.pk)
    tasks = [*factories.tasks_of(job), *run.group.tasks.all(), gathering]
    assert scopes_of(tasks) == {task.pk: project_scope(project.pk, ann.pk) for task in tasks}
    endpoint_of(ann, receiver, project_id=project.pk, events=[*JOBS, "task.cancelled"])
    cancel_task(gathering.pk)
    job_id = GatherRun.objects.get(task=gathering).job_id
    assert sorted(told()) == [("job.cancelled", f"job:{job_id}"), ("task.cancelled", f"task:{gathering.public_id}")]
