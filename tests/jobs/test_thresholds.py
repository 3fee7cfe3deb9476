"""Other thresholds: the preview tells exactly what applying them yields, and going back restores what was."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import CrawlJob, Image, Issue, Level, ValidationRun, Verdict
from jobs.services import thresholds as service
from jobs.services.thresholds import ISSUES, SLIDERS, apply_thresholds, changed, preview, thresholds_in_force
from jobs.services.validation import start_validation
from jobs.validators import Subject, Thresholds, judged_again, validators
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.errors import InvalidInput, NotFound
from tests import factories
from tests.images import broken_images, encode, photos

DROP_ALL = [issue.value for issue in ISSUES]
CHANGES: list[tuple[str, dict[str, str], list[str]]] = [
    ("as they are", {}, ["too_small", "too_few_bytes"]),
    ("everything counts", {}, DROP_ALL),
    ("sharp only", {"min_sharpness": "0.3"}, DROP_ALL),
    ("nothing counts", {}, []),
    ("large only", {"min_width": "390", "min_height": "200"}, ["too_small"]),
    ("small, too", {"min_width": "1", "min_height": "1"}, ["too_small"]),
    ("heavy only", {"min_bytes": "20000"}, ["too_few_bytes"]),
    ("square only", {"max_aspect": "1.2"}, ["odd_aspect"]),
    ("bright", {"dark_level": "0.9", "light_level": "0.2"}, ["dark", "light"]),
    ("rich", {"min_contrast": "0.7", "min_entropy": "7"}, ["low_contrast", "low_entropy"]),
    ("much alike", {"near_duplicate_distance": "12"}, ["near_duplicate"]),
    ("nothing alike", {"near_duplicate_distance": "0"}, ["near_duplicate"]),
]


@pytest.fixture
def boss(db: None) -> User:
    return factories.user(is_staff=True)


@pytest.fixture
def job(db: None, settings: Any) -> CrawlJob:
    """Photographs, twins of one, and whatever is broken, at two levels."""
    settings.PIXTASKS_VALIDATION_BATCH_SIZE = 1000
    job = factories.started_job()
    for _ in range(6):
        factories.image(job)
    factories.image(job, encode(photos()[0], quality=90))
    factories.image(job, encode(photos()[0], quality=60))
    for name, data in broken_images().items():
        if data:
            claimed = name.rpartition(".")[2]
            factories.image(job, data, format={"jpg": "jpeg"}.get(claimed, claimed))
    for level in (Level.FAST, Level.SLOW):
        factories.validated(job, level)
    return job


def state(job: CrawlJob) -> dict[int, Any]:
    """Return what is known of every image, as far as thresholds can change it."""
    return {
        image.pk: (
            image.is_valid,
            {
                verdict.level: (verdict.is_valid, sorted(issue.kind for issue in verdict.issues.all()))
                for verdict in image.verdicts.all()
            },
        )
        for image in Image.objects.filter(job=job).prefetch_related("verdicts__issues")
    }


def run(job: CrawlJob, limits: Thresholds, user: User | None = None) -> ValidationRun:
    made = apply_thresholds(job, limits, user)
    factories.run_validation(job)
    made.group.refresh_from_db()
    assert made.group.settled_at is not None and made.group.failed == 0
    return made


def test_the_preview_is_what_applying_yields_and_so_is_a_new_check_of_every_file(job: CrawlJob, boss: User) -> None:
    first = state(job)
    usual = thresholds_in_force(job)
    for name, numbers, dropping in CHANGES:
        limits = changed(numbers, dropping)
        told = preview([job.pk], limits)
        run(job, limits, boss)
        there = Image.objects.filter(job=job)
        assert told.valid_ids == set(there.filter(is_valid=True).values_list("pk", flat=True)), name
        assert told.valid_then == told.valid_now - told.dropped_count + told.returned_count, name
        for change in told.issues:
            having = set(Issue.objects.filter(image__job=job, kind=change.issue).values_list("image_id", flat=True))
            assert change.then == len(having), f"{name}: {change.issue}"
        again = preview([job.pk], limits)
        assert (again.dropped_count, again.returned_count) == (0, 0), name
        assert all(change.now == change.then for change in again.issues), name
        job.refresh_from_db()
        assert (job.valid_images, job.invalid_images) == (
            there.filter(is_valid=True).count(),
            there.filter(is_valid=False).count(),
        )
    assert state(job) != first
    run(job, usual, boss)
    assert state(job) == first, "going back to the thresholds of before restores every verdict"


def test_judging_measurements_again_finds_what_a_new_check_finds() -> None:
    for name, numbers, dropping in CHANGES:
        limits = changed(numbers, dropping)
        for file, data in broken_images().items():
            for level in ("fast", "medium", "slow"):
                subject = Subject.of_bytes(data)
                before = validators[level].check(subject, Thresholds.from_settings())
                after = validators[level].check(subject, limits)
                assert judged_again(before.issues, before.measurements, limits) == set(after.issues), (
                    name,
                    file,
                    level,
                )


def test_a_run_of_thresholds_is_a_run_like_others(job: CrawlJob, boss: User) -> None:
    limits = changed({"min_sharpness": "0.5"}, ["blurry"])
    made = run(job, limits, boss)
    assert (made.rejudges, made.level, made.created_by) == (True, Level.SLOW, boss)
    assert Thresholds.from_json(made.thresholds) == limits == thresholds_in_force(job)
    entry = AuditEntry.objects.get(action="thresholds.applied")
    assert (entry.actor, entry.object_id) == (boss, str(job.pk))
    assert entry.detail["thresholds"]["min_sharpness"] == 0.5
    factories.validated(job, Level.SLOW)
    assert thresholds_in_force(job) == Thresholds.from_settings(), "a later run judges by the settings"


def test_a_verdict_from_before_a_measurement_was_kept_keeps_its_issue(job: CrawlJob) -> None:
    dark = Verdict.objects.filter(level=Level.SLOW, issues__kind="dark").first()
    assert dark is not None
    del dark.measurements["highlights"]
    dark.save()
    limits = changed({"dark_level": "0"}, ["dark"])
    told = preview([job.pk], limits)
    run(job, limits)
    left = Issue.objects.filter(image__job=job, kind="dark")
    assert [issue.verdict_id for issue in left] == [dark.pk]
    assert next(change.then for change in told.issues if change.issue == "dark") == 1


def test_a_run_judges_by_the_thresholds_of_its_start(job: CrawlJob, settings: Any) -> None:
    start_validation(job, Level.FAST, None)
    settings.PIXTASKS_VALIDATION_THRESHOLDS = {"min_width": 5000}
    factories.run_validation(job)
    assert Verdict.objects.filter(image__job=job, level=Level.FAST, is_valid=True).exists()


def test_jobs_without_verdicts_have_nothing_to_judge(db: None) -> None:
    job = factories.job_with_images(1)
    told = preview([job.pk], Thresholds.from_settings())
    assert (told.images, told.judged, told.valid_now, told.valid_then) == (1, 0, 0, 0)
    assert preview([], Thresholds.from_settings()).images == 0
    with pytest.raises(NotFound, match="validate it first"):
        apply_thresholds(job, Thresholds.from_settings(), None)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "9999999", "x", "1e400", "0x10"])
def test_a_value_out_of_range_is_refused(text: str) -> None:
    for slider in SLIDERS:
        with pytest.raises(InvalidInput):
            changed({slider.name: text}, None)


def test_distributions_count_every_measured_image(job: CrawlJob) -> None:
    found = service.distributions([job.pk])
    slow = Verdict.objects.filter(image__job=job, level=Level.SLOW, measurements__has_key="sharpness").count()
    assert sum(found["min_sharpness"]) == slow > 8
    assert set(found) <= {slider.name for slider in SLIDERS}


def test_a_preview_of_too_many_images_looks_at_the_newest_and_says_so(
    job: CrawlJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_PREVIEWED", 5)
    told = preview([job.pk], Thresholds.from_settings())
    assert (told.images, told.partial) == (5, True)


def test_queries_of_a_preview_do_not_grow(job: CrawlJob) -> None:
    with CaptureQueriesContext(connection) as few:
        preview([job.pk], Thresholds.from_settings())
    for _ in range(5):
        factories.image(job)
    factories.validated(job, Level.SLOW)
    with CaptureQueriesContext(connection) as more:
        preview([job.pk], Thresholds.from_settings())
    assert len(few) == len(more) <= 5
