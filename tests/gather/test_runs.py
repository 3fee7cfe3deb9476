"""Starting, cancelling, retrying and deleting runs, whoever asks and by whichever door."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet

from gather.models import GatherRecord, GatherRun, GatherSource
from gather.params import GatherOptions
from gather.services import runs
from gather.services.access import TaskNotFound, run_for, runs_of
from gather.services.estimates import estimated_duration
from gather.services.status import partial_results, status_of
from jobs.engines import Candidate, Page, Query, Web, engines
from jobs.models import Chunk, CrawlJob, Image, Project
from jobs.services.crawl_jobs import create_job, delete_job
from jobs.services.progress import job_progress
from jobs.services.projects import delete_project
from jobs.terminal.figures import read_chunks
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.errors import AccessDenied, RuleViolation
from tasktypes.models import Task, TaskEvent, TaskGroup
from tasktypes.services.audit import counter_mismatches
from tasktypes.services.context import LeasedContext
from tasktypes.services.submit import NewTask, submit
from tests import factories
from tests.factories import client_of
from tests.gather.shelf import Shelf, attempt, fresh, gather
from tests.picture_server import PictureServer

pytestmark = pytest.mark.usefixtures("shelf")
NO_OPTIONS = GatherOptions()


def test_a_start_makes_a_task_a_run_a_job_and_a_chunk_for_every_source(ann: User) -> None:
    run = gather(ann, 7, keywords=["cat", "dog"], engines=["shelf", "sample"], saveInterval=3, errorRecovery=False)
    assert (run.gather_count, run.save_interval, run.error_recovery, run.completed_iterations) == (7, 3, False, 0)
    assert (run.task.status, run.task.type_name, run.task.created_by, run.project.slug) == (
        "pending", "automated_gather", ann, "cats",
    )  # fmt: skip
    job = fresh(run).job
    assert job.name.startswith("Gather 20")
    assert (job.status, job.keywords, job.engines) == ("running", ["cat", "dog"], ["shelf", "sample"])
    assert job.group is not None and (job.group.total, job.group.kind) == (1, "gather_run")
    assert list(Chunk.objects.filter(job=job).order_by("pk").values_list("keyword", "engine", "backend", "task")) == [
        (keyword, engine, engine, run.task_id) for keyword in ("cat", "dog") for engine in ("shelf", "sample")
    ]
    assert AuditEntry.objects.filter(action="gather_run.started", actor=ann, object_id=str(run.pk)).exists()
    assert counter_mismatches() == []


def test_a_project_is_found_by_its_slug_then_by_its_number(ann: User) -> None:
    first = factories.project(ann, slug="cats")
    named_like_a_number = factories.project(ann, slug=str(first.pk))
    assert gather(ann, 1, project="cats").project == first
    assert gather(ann, 1, project=str(first.pk)).project == named_like_a_number
    assert gather(ann, 1, project=str(named_like_a_number.pk)).project == named_like_a_number


def test_an_unknown_project_is_created_under_the_name_that_was_given(ann: User, settings: Any) -> None:
    settings.PIXTASKS_DEFAULT_ENGINES = ("sample",)
    run = runs.start(caller=ann, project_id="Red-Pandas_2", gather_count=1, options=NO_OPTIONS)
    assert (run.project.slug, run.project.owner, run.project.name) == ("Red-Pandas_2", ann, "Red Pandas 2")
    assert (run.job.keywords, run.job.engines) == (["Red Pandas 2"], ["sample"])


@pytest.mark.parametrize("by_number", [False, True])
def test_somebody_elses_project_is_refused_and_nothing_is_inserted(ann: User, bob: User, by_number: bool) -> None:
    project = factories.project(bob, slug="dogs")
    with pytest.raises(AccessDenied):
        gather(ann, 1, project=str(project.pk) if by_number else "dogs")
    assert not Task.objects.exists()


def test_staff_start_a_run_for_the_owner_of_the_project(ann: User) -> None:
    factories.project(ann, slug="cats")
    run = gather(factories.user(is_staff=True), 1)
    assert run.task.created_by == ann


def test_what_the_projects_crawls_looked_for_is_gathered_where_nothing_is_named(ann: User) -> None:
    project = factories.project(ann, slug="cats")
    for keywords, engine in ((["Lion", "tiger"], "urls"), (["lion", "puma"], "shelf")):
        create_job(
            project=project, name="crawl", keywords=keywords, engines=[engine], max_images=5,
            options=factories.LIST if engine == "urls" else {},
        )  # fmt: skip
    run = runs.start(caller=ann, project_id="cats", gather_count=1, options=NO_OPTIONS)
    assert (run.job.keywords, run.job.engines) == (["lion", "puma", "tiger"], ["shelf", "urls"])
    assert run.job.options == factories.LIST
    # A gather's own job is no crawl: the next gather looks for the same, whatever this one named.
    gather(ann, 1, keywords=["ocelot"])
    again = runs.start(caller=ann, project_id="cats", gather_count=1, options=NO_OPTIONS)
    assert again.job.keywords == ["lion", "puma", "tiger"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"engines": ["nowhere"]}, "There is no engine 'nowhere'"),
        ({"engines": ["urls"]}, "needs options"),
        ({"keywords": [f"cat {n}" for n in range(50)], "engines": [f"shelf-{n}" for n in range(50)]}, "no engine"),
    ],
)
def test_engines_that_cannot_be_used_are_refused_before_anything_is_inserted(
    ann: User, options: dict[str, Any], word: str
) -> None:
    with pytest.raises(RuleViolation, match=word):
        gather(ann, 1, **options)
    assert not Task.objects.exists() and not Project.objects.exists()


def test_without_any_engine_the_setting_is_named(ann: User, settings: Any) -> None:
    settings.PIXTASKS_DEFAULT_ENGINES = ()
    with pytest.raises(RuleViolation, match="PIXTASKS_DEFAULT_ENGINES"):
        runs.start(caller=ann, project_id="cats", gather_count=1, options=NO_OPTIONS)


def test_too_many_sources_are_refused(ann: User, settings: Any) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {f"other-{number}": "shelf" for number in range(20)}
    with pytest.raises(RuleViolation, match="more than 500 sources"):
        gather(ann, 1, keywords=[f"cat {n}" for n in range(50)], engines=[f"other-{n}" for n in range(20)])


def test_a_broker_that_is_away_refuses_a_start_and_nothing_is_inserted(ann: User, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(runs.SubmissionFailed, match="Redis connection refused") as refused:
        gather(ann, 1)
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (500, "TASK_SUBMISSION_FAILED", 5)
    assert not Task.objects.exists() and not Project.objects.exists()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tasks/automated_gather", {"payload": {"projectId": "cats", "gatherCount": 2}}),
        (
            "/api/celery/tasks/launch",
            {"task_type": "automated_gather", "params": {"projectId": "cats", "gatherCount": 2}},
        ),
    ],
)
def test_the_general_task_apis_start_the_same_run(
    ann: User, bob: User, settings: Any, path: str, body: dict[str, Any]
) -> None:
    settings.PIXTASKS_DEFAULT_ENGINES = ("shelf",)
    answer = client_of(ann).post(path, body, format="json")
    assert answer.status_code in (200, 201, 202), answer.content
    run = GatherRun.objects.get()
    assert (run.project.owner, run.gather_count, run.job.keywords) == (ann, 2, ["cats"])
    assert attempt(run).task.status == "completed"
    refused = client_of(bob).post(path, body, format="json")
    assert refused.status_code == 403
    assert Task.objects.count() == 1


def test_the_task_cannot_be_deleted_through_the_registry(ann: User) -> None:
    run = gather(ann, 1)
    answer = client_of(ann).delete(f"/api/tasks/{run.task_id}")
    assert answer.status_code == 409, answer.content
    assert GatherRun.objects.filter(pk=run.pk).exists()


def test_a_task_that_nobody_owns_is_no_gather(db: None) -> None:
    with pytest.raises(RuleViolation, match="start it as a user"):
        submit(
            [NewTask(type_name="automated_gather", parameters={"projectId": "cats", "gatherCount": 1})], owner_id=None
        )
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("preferences", "events"),
    [
        ({}, ["task.completed", "task.failed", "task.cancelled"]),
        ({"onProgress": True, "onComplete": False}, ["task.failed", "task.progress", "task.cancelled"]),
    ],
)
def test_preferences_say_which_webhooks_hear_of_the_task(
    ann: User, preferences: dict[str, bool], events: list[str]
) -> None:
    run = gather(ann, 1, notificationPreferences=preferences)
    assert run.task.metadata["webhook_events"] == events


def test_a_queued_run_is_cancelled_at_once_and_a_second_cancel_says_the_same(ann: User) -> None:
    run = gather(ann, 3)
    cancelled = runs.cancel(run.task.public_id, caller=ann)
    assert cancelled == runs.CancelledRun(task_id=run.task.public_id, completed_iterations=0, results=[])
    assert runs.cancel(run.task.public_id, caller=ann) == cancelled
    assert (fresh(run).task.status, fresh(run).job.status, status_of(run).status) == (
        "cancelled",
        "cancelled",
        "REVOKED",
    )
    assert AuditEntry.objects.filter(action="gather_run.cancelled").count() == 1


def test_a_run_that_has_ended_cannot_be_cancelled(ann: User) -> None:
    run = attempt(gather(ann, 1))
    with pytest.raises(runs.CancellationFailed, match="completed") as refused:
        runs.cancel(run.task.public_id, caller=ann)
    assert (refused.value.status, refused.value.code) == (409, "CANCELLATION_FAILED")
    assert fresh(run).job.status == "completed"


def test_what_is_unknown_or_somebody_elses_is_told_apart(ann: User, bob: User) -> None:
    run = gather(ann, 1)
    for ask in (runs.cancel, runs.retry):
        with pytest.raises(TaskNotFound) as missing:
            ask("abc123-def456", caller=ann)
        assert (missing.value.message, missing.value.code) == ("Task not found", "TASK_NOT_FOUND")
        with pytest.raises(AccessDenied):
            ask(run.task.public_id, caller=bob)
    assert [list(runs_of(caller)) for caller in (ann, bob)] == [[run], []]
    staff = factories.user(is_staff=True)
    assert run_for(staff, run.task.public_id) == run and list(runs_of(staff)) == [run]
    other = factories.started_job(owner=ann)
    with pytest.raises(TaskNotFound):
        run_for(ann, factories.tasks_of(other)[0].public_id)


def cancel_at(monkeypatch: pytest.MonkeyPatch, run: GatherRun, iteration: int, cancel: Any = runs.cancel_group) -> None:
    """Have the run cancelled just before it reports this iteration."""
    whole = LeasedContext.checkpoint

    def checkpoint(self: LeasedContext, **facts: Any) -> None:
        if (facts.get("progress") or {}).get("currentIteration") == iteration:
            monkeypatch.setattr(LeasedContext, "checkpoint", whole)
            cancel(fresh(run).task.group_id)
        whole(self, **facts)

    monkeypatch.setattr(LeasedContext, "checkpoint", checkpoint)


def test_a_cancelled_run_keeps_every_finished_iteration_and_goes_on_after_them(
    ann: User, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = gather(ann, 6, saveInterval=50)
    cancel_at(monkeypatch, run, 3)
    run = attempt(run)
    assert (run.task.status, run.completed_iterations) == ("cancelled", 3)
    results = [{"iterationNumber": number, "gatherDataId": f"gather-00{number}"} for number in (1, 2, 3)]
    assert partial_results(run) == (3, results)
    assert runs.cancel(run.task.public_id, caller=ann).results == results
    assert (run.job.images, run.job.status, job_progress(run.job).downloaded_images) == (12, "cancelled", 12)

    again = runs.retry(run.task.public_id, caller=ann)
    assert again.task.status == "pending"
    assert job_progress(fresh(run).job).downloaded_images == 12
    assert fresh(run).job.images == 0
    run = attempt(run)
    assert (run.task.status, run.completed_iterations, run.job.images, run.job.status) == (
        "completed", 6, 24, "completed",
    )  # fmt: skip
    assert shelf.asked == [("cat", None), *(("cat", str(number)) for number in range(1, 6))]
    assert counter_mismatches() == []


def test_a_run_that_has_not_ended_badly_cannot_be_retried(ann: User) -> None:
    run = gather(ann, 1)
    with pytest.raises(RuleViolation, match="pending"):
        runs.retry(run.task.public_id, caller=ann)
    with pytest.raises(RuleViolation, match="completed"):
        runs.retry(attempt(run).task.public_id, caller=ann)


def test_a_failed_run_tries_its_failed_iteration_again(ann: User, shelf: Shelf) -> None:
    failing = True

    def before(keyword: str, cursor: str | None) -> None:
        if cursor == "1" and failing:
            raise ConnectionError("reset")

    shelf.before = before
    run = attempt(gather(ann, 3, errorRecovery=False))
    assert (run.task.status, run.completed_iterations) == ("failed", 1)
    assert run.failures == [{"iteration": 2, "error": "cat at shelf: ConnectionError: reset"}]
    failing = False
    runs.retry(run.task.public_id, caller=ann)
    run = attempt(run)
    assert (run.task.status, run.completed_iterations, run.failures, run.job.images) == ("completed", 3, [], 12)


def test_the_job_api_cancels_retries_and_deletes_a_run_through_its_job(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = gather(ann, 4)
    client, path = client_of(ann), f"/api/v1/jobs/{run.job_id}"
    cancel_at(monkeypatch, run, 2, lambda _: client.post(f"{path}/cancel"))
    run = attempt(run)
    assert (run.task.status, run.completed_iterations) == ("cancelled", 2)
    chunks = client.get(f"{path}/chunks").json()["items"]
    assert [(one["images"], one["outcomes"], one["status"]) for one in chunks] == [(8, {"stored": 8}, "cancelled")]
    assert client.post(f"{path}/retry").status_code in (200, 202)
    assert attempt(run).task.status == "completed"
    assert client.get(f"{path}/progress").json()["progress"] == 100
    assert client.delete(path).status_code == 204
    gone: list[QuerySet[Any]] = [
        model.objects.all() for model in (GatherRun, GatherRecord, Chunk, CrawlJob, Image, Task, TaskGroup, TaskEvent)
    ]
    assert not any(rows.exists() for rows in gone)


def test_chunks_that_share_the_task_of_a_run_have_figures_of_their_own(
    ann: User, shelf: Shelf, web: PictureServer
) -> None:
    shelf.addresses |= {
        "cat": web.urls[:3],
        "dog": [web.urls[10], web.urls[10], f"{web.root}/missing.jpg"],
        "owl": [],
    }
    run = gather(ann, 2, keywords=["cat", "dog", "owl"])
    client = client_of(ann)
    path = f"/api/v1/jobs/{run.job_id}/chunks"
    assert [(one["images"], one["duplicates"], one["outcomes"]) for one in client.get(path).json()["items"]] == [
        (0, 0, {}), (0, 0, {}), (0, 0, {}),
    ]  # fmt: skip
    run = attempt(run)
    expected = [
        ("cat", 3, 0, {"stored": 3}),
        ("dog", 1, 1, {"duplicate": 1, "http_404": 1, "stored": 1}),
        ("owl", 0, 0, {}),
    ]
    chunks = client.get(path).json()["items"]
    assert [(one["keyword"], one["images"], one["duplicates"], one["outcomes"]) for one in chunks] == expected
    assert {one["target"] for one in chunks} == {run.job.max_images}
    assert [(one.keyword, one.stored, one.duplicates, one.failed) for one in read_chunks(run.job_id)] == [
        ("cat", 3, 0, {}), ("dog", 1, 1, {"http_404": 1}), ("owl", 0, 0, {}),
    ]  # fmt: skip
    assert (run.job.images, run.job.duplicates, sum(run.job.outcomes.values())) == (4, 1, 6)


def test_the_progress_of_the_job_is_that_of_its_run(ann: User) -> None:
    run = gather(ann, 4)
    factories.report(run.task, percentage=37, images=3, duplicates=1, outcomes={"stored": 3, "duplicate": 1})
    figures = job_progress(fresh(run).job)
    assert (figures.progress, figures.downloaded_images, figures.duplicate_images) == (37, 3, 1)
    assert (figures.total_chunks, figures.active_chunks) == (1, 1)


def test_deleting_a_job_or_a_project_takes_the_run_along(ann: User) -> None:
    first, second = attempt(gather(ann, 1)), gather(ann, 1, project="tigers")
    delete_job(first.job)
    assert list(GatherRun.objects.all()) == [second]
    attempt(second)
    delete_project(second.project)
    assert not GatherRun.objects.exists() and not Task.objects.exists()
    assert set(GatherSource.objects.values_list("project__slug", flat=True)) == {"cats"}


def test_estimates_are_thirty_seconds_an_iteration_until_records_tell_better(ann: User) -> None:
    assert estimated_duration(None, 10) == 300
    run = attempt(gather(ann, 3))
    for number, seconds in enumerate((4.0, 100.0, 6.0), 1):
        GatherRecord.objects.filter(run=run, iteration=number).update(seconds=seconds)
    assert estimated_duration(run.project_id, 10) == 60
    GatherRecord.objects.update(seconds=0.001)
    assert estimated_duration(run.project_id, 10) == 1


class Slow(Shelf):
    """Finds local files, and none."""

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        super().search(query, cursor, web)
        return Page((Candidate(image_url=""),), None)


def test_a_candidate_without_an_address_is_refused_and_counted(ann: User) -> None:
    with engines.temporarily(Slow("odd")):
        run = attempt(gather(ann, 1, engines=["odd"]))
    assert run.task.status == "completed"
    assert run.job.images == 0 and sum(run.job.outcomes.values()) == 1
