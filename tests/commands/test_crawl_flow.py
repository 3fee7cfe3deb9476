"""A crawl as the command runs it, its tasks run in this process: what it shows is what the database and disk hold."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import OutputWrapper
from pytest_django import Settings

from jobs.fetch.storage import images_storage
from jobs.management.flow import Finished, run_crawl
from jobs.management.requests import CrawlRequest
from jobs.models import CrawlJob, FetchFailure, Image, Issue, JobStatus
from jobs.terminal.figures import JobFigures, read_job
from jobs.terminal.live import make_display
from jobs.terminal.proof import prove
from jobs.terminal.tables import job_summary
from pixtasks.common.errors import InvalidInput
from pixtasks.common.screen import make_console
from pixtasks.common.stop_signals import StopSignals
from tasktypes.models import Task
from tasktypes.services import execute
from tasktypes.states import ACTIVE
from tests.ledger import run_all

pytestmark = pytest.mark.django_db
RequestFor = Callable[..., CrawlRequest]


def crawl(request: CrawlRequest, keep: Callable[[], Any] = run_all) -> tuple[Finished, str]:
    """Run a crawl and its tasks; return its end and the lines it showed."""
    output = StringIO()
    console = make_console(OutputWrapper(output))
    with StopSignals() as stop, make_display(console) as display:
        finished = run_crawl(request, display, stop, lambda: keep() and None)
    return finished, output.getvalue()


def shown(figures: JobFigures) -> str:
    output = StringIO()
    make_console(OutputWrapper(output)).print(job_summary(figures))
    return output.getvalue()


def test_figures_are_those_of_the_database_and_the_folder(request_for: RequestFor, folder: Path) -> None:
    finished, lines = crawl(request_for(validate="medium"))
    figures = finished.figures
    job = CrawlJob.objects.get()
    assert figures.status == JobStatus.COMPLETED
    assert not finished.interrupted
    assert finished.faults == ()

    kept = {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != "text.jpg"}
    assert {image.sha256 for image in Image.objects.filter(job=job)} == kept
    assert (figures.stored, figures.rows, job.images) == (7, 7, 7)
    assert figures.duplicates == 1 == FetchFailure.objects.filter(outcome="duplicate").count()
    assert figures.failed == {"not_an_image": 1}
    assert figures.found == len(list(folder.iterdir())) == 9
    assert figures.bytes == sum(Image.objects.values_list("bytes", flat=True))

    assert figures.validation is not None
    assert (figures.validation.valid, figures.validation.invalid) == (6, 1) == (job.valid_images, job.invalid_images)
    assert figures.validation.issues == {"truncated": 1} == {
        kind: Issue.objects.filter(kind=kind).count() for kind in set(Issue.objects.values_list("kind", flat=True))
    }  # fmt: skip
    assert all(check.ok for check in prove(figures)), prove(figures)

    assert "Job " in lines
    assert "1 keyword × 1 engine, up to 100 new images each" in lines
    assert "[1/1] holiday × directory: 7 stored, 1 duplicate, not_an_image 1" in lines
    assert "validating (medium): 7 of 7 images" in lines
    assert "\x1b" not in lines


def test_the_summary_tells_it_all_in_tables_of_a_hundred_columns(request_for: RequestFor) -> None:
    figures = crawl(request_for(validate="medium"))[0].figures
    text = shown(figures)
    assert max(map(len, text.splitlines())) <= 100
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert f"Job {figures.job.pk} completed: 7 images in " in text
    row = next(line for line in text.splitlines() if line.startswith(" holiday"))
    assert row.split() == ["holiday", "directory", "9", "7", "1", "not_an_image", "1", "6", "1"]
    total = next(line for line in text.splitlines() if line.startswith(" Total"))
    assert total.split() == ["Total", "9", "7", "1", "1", "6", "1"]
    assert "The content is no image, whatever its header says." in text
    assert "truncated" in text
    assert "Validation: 6 valid, 1 invalid of 7 images" in text


def test_an_alias_is_shown_with_the_engine_that_answered(
    request_for: RequestFor, settings: Settings, folder: Path
) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {"holiday-photos": "directory"}
    options = f'{{"holiday-photos": {{"path": "{folder}"}}}}'
    finished, lines = crawl(request_for(directory=None, engines="holiday-photos", options=options))
    assert "holiday × holiday-photos → directory: 7 stored" in lines
    text = shown(finished.figures)
    assert "holiday-photos → directory" in text
    assert "→ holiday-photos is answered by the engine directory here" in text
    assert finished.figures.as_dict()["chunks"][0]["backend"] == "directory"


def test_a_chunk_that_fails_says_why_and_the_job_reads_failed(request_for: RequestFor, settings: Settings) -> None:
    def close_the_folder() -> None:
        settings.PIXTASKS_DIRECTORY_ROOTS = []
        run_all()

    finished, lines = crawl(request_for(), close_the_folder)
    assert finished.figures.status == JobStatus.FAILED
    assert "holiday × directory: 0 stored, 0 duplicates; failed: " in lines
    assert "PIXTASKS_DIRECTORY_ROOTS" in lines
    assert "failed:" in shown(finished.figures)


def test_a_second_job_shares_the_files_of_the_first(request_for: RequestFor) -> None:
    first = crawl(request_for())[0].figures
    second = crawl(request_for())[0].figures
    assert (first.rows, second.rows) == (7, 7)
    assert second.shared == 7
    assert second.job.project == first.job.project
    assert Image.objects.values("key").distinct().count() == 7


def test_an_interrupt_cancels_the_job_and_keeps_what_it_stored(
    request_for: RequestFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "DRAIN_SECONDS", 0)  # One message, one task.

    def one_task_and_a_signal() -> None:
        run_all(most=1)
        if CrawlJob.objects.get().status == JobStatus.RUNNING:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    finished, lines = crawl(request_for(keywords="one,two,three"), one_task_and_a_signal)
    assert finished.interrupted
    figures = finished.figures
    assert figures.status == JobStatus.CANCELLED
    assert sorted(chunk.status.value for chunk in figures.chunks) == ["cancelled", "cancelled", "completed"]
    assert figures.stored == figures.rows == CrawlJob.objects.get().images == 7
    assert not Task.objects.filter(status__in=ACTIVE).exists()
    assert "2 tasks revoked" in lines
    assert all(check.ok for check in prove(figures))
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interrupt_during_validation_cancels_that_and_leaves_the_job_completed(request_for: RequestFor) -> None:
    def until_validation() -> None:
        if Task.objects.filter(type_name__startswith="jobs.validate").exists():
            os.kill(os.getpid(), signal.SIGINT)
        else:
            run_all()

    finished, _ = crawl(request_for(validate="slow"), until_validation)
    assert finished.interrupted
    assert finished.figures.status == JobStatus.COMPLETED
    assert finished.figures.validation is None
    assert not Task.objects.filter(status__in=ACTIVE).exists()


def test_a_failed_validation_task_is_a_fault(request_for: RequestFor, settings: Settings) -> None:
    def break_thresholds() -> None:
        if Task.objects.filter(type_name__startswith="jobs.validate").exists():
            Task.objects.update(max_retries=0)
            settings.PIXTASKS_VALIDATION_THRESHOLDS = {"no_such_threshold": "1"}
            run_all()
            settings.PIXTASKS_VALIDATION_THRESHOLDS = {}
        else:
            run_all()

    finished, _ = crawl(request_for(validate="fast"), break_thresholds)
    assert len(finished.faults) == 1
    assert "Validation is not complete: of 1 tasks 1 failed" in finished.faults[0]
    assert "no_such_threshold" in finished.faults[0]


def test_a_folder_without_pictures_ends_well_with_nothing_to_validate(request_for: RequestFor, folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "text.jpg":
            path.unlink()
    finished, _ = crawl(request_for(validate="slow"))
    assert finished.figures.status == JobStatus.COMPLETED
    assert finished.faults == ()
    assert finished.figures.rows == 0
    assert [check.ok for check in prove(finished.figures)] == [False, True]


def test_somebody_else_s_project_is_refused(request_for: RequestFor, django_user_model: Any) -> None:
    ann = django_user_model.objects.create_user("ann@example.com", "a long enough pass phrase")
    crawl(request_for())
    with pytest.raises(Exception, match="belongs to somebody else") as refused:
        crawl(request_for(user=ann.email))
    assert not isinstance(refused.value, InvalidInput)
    assert crawl(request_for(user=ann.email, project="of-ann"))[0].figures.job.project.owner == ann


def test_the_proof_notices_a_missing_file_other_bytes_and_a_wrong_counter(request_for: RequestFor) -> None:
    figures = crawl(request_for())[0].figures
    gone, changed = Image.objects.order_by("pk").values_list("key", flat=True)[:2]
    storage = images_storage()
    whole = {key: Path(storage.path(key)).read_bytes() for key in (gone, changed)}
    try:
        Path(storage.path(gone)).unlink()
        path = Path(storage.path(changed))
        path.chmod(0o600)
        path.write_bytes(whole[changed][:-1] + b"x")
        check = prove(figures)[0]
        assert not check.ok
        assert check.sentence.startswith("2 files missing or with other bytes than their name says: ")
        assert gone in check.sentence
    finally:
        for key, data in whole.items():
            Path(storage.path(key)).write_bytes(data)
    CrawlJob.objects.update(images=8)
    counters = prove(read_job(figures.job.pk))[1]
    assert not counters.ok
    assert "images: counted 8, rows 7" in counters.sentence
