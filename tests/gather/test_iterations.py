"""What an iteration does: every source's next page, and of it what the project does not have."""

from __future__ import annotations

from typing import Any

import pytest

from gather.models import GatherSource
from gather.services import iteration, saving
from gather.services.records import images_of, record_of, records_of
from gather.services.status import status_of
from jobs.engines import EngineError, EngineUnavailable, engines
from jobs.models import Chunk, FetchFailure, Image
from jobs.services.progress import job_progress
from pixtasks.accounts.models import User
from pixtasks.common.errors import NotFound
from tasktypes.models import BucketStart, Task, TaskEvent
from tests import factories
from tests.gather.shelf import Shelf, addresses_of, attempt, gather
from tests.picture_server import PictureServer

pytestmark = pytest.mark.usefixtures("shelf")


def test_every_iteration_stores_the_next_page_and_leaves_a_record_of_it(
    ann: User, shelf: Shelf, web: PictureServer
) -> None:
    run = attempt(gather(ann, 3))
    assert (run.task.status, run.completed_iterations, run.exhausted) == ("completed", 3, False)
    assert run.task.result == {
        "completedIterations": 3,
        "results": [{"iterationNumber": number, "gatherDataId": f"gather-00{number}"} for number in (1, 2, 3)],
        "exhausted": False,
        "images": 12,
    }
    assert shelf.asked == [("cat", None), ("cat", "1"), ("cat", "2")]
    for number, record in enumerate(records_of(run), 1):
        assert record == record_of(run, f"gather-00{number}")
        assert (record.images, record.found, record.duplicates, record.failed, record.errors) == (4, 4, 0, 0, [])
        assert addresses_of(images_of(record)) == web.urls[(number - 1) * 4 : number * 4]
        assert record.sources == [
            {
                "keyword": "cat", "engine": "shelf", "backend": "shelf", "found": 4, "images": 4, "duplicates": 0,
                "failed": 0, "more": True,
            }
        ]  # fmt: skip
    with pytest.raises(NotFound):
        record_of(run, "gather-004")


def test_the_figures_of_the_run_its_job_and_its_records_are_the_same(
    ann: User, shelf: Shelf, web: PictureServer
) -> None:
    shelf.addresses["cat"] = [*web.urls[:6], web.urls[0], f"{web.root}/missing.jpg", f"{web.root}/gallery/0"]
    run = attempt(gather(ann, 5))
    assert run.exhausted
    records = list(records_of(run))
    assert [(one.images, one.duplicates, one.failed) for one in records] == [(4, 0, 0), (2, 1, 1), (0, 0, 1)]
    assert (run.job.images, run.job.duplicates) == (6, 1)
    assert run.job.outcomes == {"duplicate": 1, "http_404": 1, "not_an_image": 1, "stored": 6}
    assert Image.objects.filter(job=run.job).count() == 6
    failures = FetchFailure.objects.filter(chunk__job=run.job).order_by("rank")
    assert [(one.rank, one.outcome) for one in failures] == [(6, "duplicate"), (7, "http_404"), (8, "not_an_image")]
    figures = job_progress(run.job)
    assert (figures.progress, figures.downloaded_images, figures.status) == (100, 6, "completed")
    assert (figures.total_chunks, figures.completed_chunks) == (1, 1)


def test_a_source_that_has_no_more_ends_the_run_early_as_a_success(ann: User, shelf: Shelf, web: PictureServer) -> None:
    shelf.addresses["cat"] = web.urls[:6]
    run = attempt(gather(ann, 10))
    found = status_of(run)
    assert (found.status, found.current, found.total, found.percentage) == ("SUCCESS", 2, 10, 100)
    assert found.result is not None and found.result["exhausted"] and found.result["images"] == 6
    assert len(found.result["results"]) == 2


def test_what_a_crawl_of_the_project_has_is_not_fetched_again(ann: User, web: PictureServer) -> None:
    project = factories.project(ann, slug="cats")
    crawl = factories.started_job(project, options={"urls": {"urls": web.urls[:3]}})
    for task in factories.tasks_of(crawl):
        factories.run_task(task)
    before = dict(web.hits)
    run = attempt(gather(ann, 1))
    record = record_of(run, "gather-001")
    assert (record.images, record.duplicates) == (1, 3)
    assert {path: web.hits[path] - before.get(path, 0) for path in web.hits} == {
        "/p/0.jpg": 0, "/p/1.jpg": 0, "/p/2.jpg": 0, "/p/3.jpg": 1,
    }  # fmt: skip


def test_the_same_bytes_under_another_address_are_a_duplicate_in_the_whole_project(
    ann: User, shelf: Shelf, web: PictureServer
) -> None:
    project = factories.project(ann, slug="cats")
    crawl = factories.started_job(project, options={"urls": {"urls": web.urls[:1]}})
    for task in factories.tasks_of(crawl):
        factories.run_task(task)
    web.pictures["/copy.jpg"] = web.pictures["/p/0.jpg"]
    web.pictures["/other.jpg"] = web.pictures["/p/5.jpg"]
    shelf.per_page = 2
    shelf.addresses["cat"] = [f"{web.root}/copy.jpg", web.urls[5], f"{web.root}/other.jpg"]
    run = attempt(gather(ann, 2))
    assert [(one.images, one.duplicates) for one in records_of(run)] == [(1, 1), (0, 1)]
    assert Image.objects.filter(job__project=project).count() == 2


def test_another_project_has_the_same_pictures_as_its_own(ann: User) -> None:
    for project in ("cats", "tigers"):
        assert attempt(gather(ann, 1, project=project)).job.images == 4


def test_an_address_that_two_sources_name_is_fetched_once(ann: User, shelf: Shelf, web: PictureServer) -> None:
    shelf.addresses |= {"cat": web.urls[:4], "kitten": web.urls[2:6]}
    run = attempt(gather(ann, 1, keywords=["cat", "kitten"]))
    record = record_of(run, "gather-001")
    assert (record.images, record.duplicates, record.found) == (6, 2, 8)
    assert set(web.hits.values()) == {1}
    assert [line["images"] + line["duplicates"] for line in record.sources] == [4, 4]
    assert Chunk.objects.filter(job=run.job, task=run.task).count() == 2


def test_the_next_run_goes_on_where_the_last_one_stopped_and_begins_anew_after_the_end(
    ann: User, shelf: Shelf, web: PictureServer
) -> None:
    shelf.addresses["cat"] = web.urls[:16]
    attempt(gather(ann, 3))
    second = attempt(gather(ann, 3))
    assert (second.exhausted, second.completed_iterations, second.job.images) == (True, 1, 4)
    hits = sum(web.hits.values())
    third = attempt(gather(ann, 1))
    assert shelf.asked[-2:] == [("cat", "3"), ("cat", None)]
    assert (third.job.images, third.job.duplicates) == (0, 4)
    assert sum(web.hits.values()) == hits


def test_a_cursor_of_other_options_or_another_backend_is_not_used(ann: User, shelf: Shelf) -> None:
    attempt(gather(ann, 2))
    GatherSource.objects.update(fingerprint="of something else")
    attempt(gather(ann, 1))
    assert shelf.asked == [("cat", None), ("cat", "1"), ("cat", None)]


def test_an_inherited_cursor_that_the_engine_refuses_is_given_up(ann: User, shelf: Shelf) -> None:
    attempt(gather(ann, 1))

    def refuse(keyword: str, cursor: str | None) -> None:
        if cursor is not None:
            raise EngineError("The cursor is not one of this engine's.")

    shelf.before = refuse
    run = attempt(gather(ann, 2))
    assert shelf.asked == [("cat", None), ("cat", "1"), ("cat", None)]
    assert run.failures == [{"iteration": 1, "error": "cat at shelf: The cursor is not one of this engine's."}]
    assert [one.iteration for one in records_of(run)] == [2]


def test_one_source_that_fails_is_noted_and_the_others_go_on(ann: User, shelf: Shelf, web: PictureServer) -> None:
    shelf.addresses["dog"] = web.urls[40:50]

    def away(keyword: str, cursor: str | None) -> None:
        if keyword == "cat":
            raise EngineUnavailable("Too busy.")

    shelf.before = away
    run = attempt(gather(ann, 2, keywords=["cat", "dog"]))
    assert (run.task.status, run.failures) == ("completed", [])
    for record in records_of(run):
        assert record.errors == [{"keyword": "cat", "engine": "shelf", "error": "Too busy."}]
        assert [line["keyword"] for line in record.sources] == ["dog"]


def away_at(*pages: str | None) -> Any:
    def before(keyword: str, cursor: str | None) -> None:
        if cursor in pages:
            pages_left.remove(cursor)
            raise EngineUnavailable("Too busy.")

    pages_left = list(pages)
    return lambda keyword, cursor: before(keyword, cursor) if cursor in pages_left else None


def test_with_error_recovery_a_failing_iteration_counts_and_leaves_no_record(ann: User, shelf: Shelf) -> None:
    shelf.before = away_at("1")
    run = attempt(gather(ann, 3))
    assert (run.task.status, run.completed_iterations) == ("completed", 3)
    assert run.failures == [{"iteration": 2, "error": "cat at shelf: Too busy."}]
    assert [one.data_id for one in records_of(run)] == ["gather-001", "gather-003"]
    assert run.job.images == 8
    kinds = [(one["type"], one["data"]["currentIteration"]) for one in status_of(run).updates]
    assert kinds == [("progress", 1), ("error", 2), ("progress", 3), ("complete", 3)]
    assert status_of(run).updates[1]["data"]["error"] == "cat at shelf: Too busy."


def test_without_error_recovery_a_failing_iteration_ends_the_run_and_the_finished_ones_stay(
    ann: User, shelf: Shelf
) -> None:
    shelf.before = away_at("2")
    run = attempt(gather(ann, 5, errorRecovery=False))
    assert (run.task.status, run.completed_iterations, run.job.images) == ("failed", 2, 8)
    assert run.task.error_message == "Iteration 3 of 5 failed: cat at shelf: Too busy."
    found = status_of(run)
    assert (found.status, found.current, found.percentage) == ("FAILURE", 2, 40)
    assert found.result == {
        "error": run.task.error_message,
        "completedIterations": 2,
        "results": [{"iterationNumber": number, "gatherDataId": f"gather-00{number}"} for number in (1, 2)],
    }


def test_an_error_that_nobody_expected_fails_the_iteration_and_loses_none_of_the_finished_ones(
    ann: User, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = iteration.Iteration._sort_out

    def broken(self: iteration.Iteration, *args: Any) -> None:
        if self.gathered.number == 3:
            raise OSError("No space left on device")
        whole(self, *args)

    monkeypatch.setattr(iteration.Iteration, "_sort_out", broken)
    run = attempt(gather(ann, 4))
    assert run.failures == [{"iteration": 3, "error": "OSError: No space left on device"}]
    assert [one.images for one in records_of(run)] == [4, 4, 4]
    # The pages of the failed iteration were asked for again by the next one.
    assert shelf.asked == [("cat", None), ("cat", "1"), ("cat", "2"), ("cat", "2")]


@pytest.mark.parametrize("starts", [1, 2])
def test_an_iteration_takes_one_start_of_each_engine_and_waits_without_a_slot_when_there_is_none(
    ann: User, web: PictureServer, settings: Any, starts: int
) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"engine:limited": f"{starts}/60", "engine:*": "100/60"}
    limited, other = Shelf("limited", rate_limited=True), Shelf("other", rate_limited=True)
    for engine in (limited, other):
        engine.addresses = {"cat": web.urls[:20], "dog": web.urls[20:40]}
    with engines.temporarily(limited), engines.temporarily(other):
        run = attempt(gather(ann, 5, keywords=["cat", "dog"], engines=["limited", "other"]))
        assert (run.task.status, run.task.retries, run.completed_iterations) == ("pending", 0, starts)
        assert "engine:limited" in (run.task.error_message or "")
        assert run.task.due_at is not None and run.task.due_at > run.task.updated_at
        assert [BucketStart.objects.filter(bucket=f"engine:{name}").count() for name in ("limited", "other")] == [
            starts, starts,
        ]  # fmt: skip
        found = status_of(run)
        assert (found.status, found.current) == ("PROGRESS", starts)
        assert TaskEvent.objects.filter(task=run.task, type="postponed").count() == 1

        BucketStart.objects.all().delete()
        run = attempt(run)
        assert run.completed_iterations == 2 * starts


def test_engines_without_a_limit_cost_no_start(ann: User) -> None:
    attempt(gather(ann, 2))
    assert not BucketStart.objects.exists()


def test_progress_is_told_once_an_iteration_and_never_goes_down(ann: User) -> None:
    run = attempt(gather(ann, 4, saveInterval=2))
    told = list(TaskEvent.objects.filter(task=run.task, type="progress").order_by("seq").values_list("data", flat=True))
    assert [one["currentIteration"] for one in told] == [1, 2, 3, 4]
    assert [one["percentage"] for one in told] == [25, 50, 75, 100]
    assert [one["message"] for one in told] == [f"Processing iteration {number} of 4" for number in (1, 2, 3, 4)]
    assert [one["images"] for one in told] == [4, 8, 12, 16]
    assert told[-1]["outcomes"] == {"stored": 16}


def test_an_engine_that_can_no_longer_be_used_fails_the_run_and_says_so(ann: User, settings: Any) -> None:
    run = gather(ann, 2, engines=["sample"])
    settings.PIXTASKS_SAMPLES = False
    run = attempt(run)
    assert run.task.status == "failed"
    assert "PIXTASKS_SAMPLES" in (run.task.error_message or "")


def test_a_task_whose_run_is_gone_fails_and_says_so(ann: User) -> None:
    run = gather(ann, 2)
    task = run.task
    run.delete()
    factories.run_task(task)
    assert Task.objects.get(pk=task.pk).error_message == "This task has no gather run; start the gather again"


def saves_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note after which iterations a run saves."""
    whole = saving.Saver.save
    saved: list[int] = []

    def save(self: saving.Saver, *args: Any) -> None:
        whole(self, *args)
        saved.append(self.saved.iteration)

    monkeypatch.setattr(saving.Saver, "save", save)
    return saved


def test_a_run_saves_after_every_interval_and_at_its_end(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = saves_of(monkeypatch)
    attempt(gather(ann, 8, saveInterval=3))
    assert saved == [3, 6, 8]


def test_a_save_comes_early_where_many_rows_wait_for_it(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gather.services.iterate.SAVE_ROWS", 6)
    saved = saves_of(monkeypatch)
    attempt(gather(ann, 5, saveInterval=50))
    assert saved == [2, 4, 5]


def test_a_long_attempt_gives_its_row_back_between_two_iterations(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gather.services.iterate.ATTEMPT_SECONDS", 0)
    run = gather(ann, 2)
    run = attempt(run)
    assert (run.task.status, run.completed_iterations) == ("pending", 0)
    monkeypatch.setattr("gather.services.iterate.ATTEMPT_SECONDS", 3600)
    Task.objects.filter(pk=run.task_id).update(due_at=run.task.created_at)
    assert attempt(run).completed_iterations == 2
