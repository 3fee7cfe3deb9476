"""Images that do not fit the policy are stored, kept apart, and judged again when the policy changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.licenses import LicensePolicy, Reason
from jobs.models import CrawlJob, Image, Project
from jobs.models.project import POLICY_FIELDS
from jobs.services import quarantine
from jobs.services.projects import update_project
from jobs.services.quarantine import JUDGE_LICENSES, SENTENCES
from jobs.services.recount import recount_job
from pixtasks.accounts.models import AuditEntry, User
from tasktypes.handlers import LeaseLost, handlers
from tasktypes.models import Task
from tasktypes.states import State
from tests import factories
from tests.ledger import run_all, run_task

pytestmark = pytest.mark.django_db
Held = Callable[[], dict[str, str]]


def change(job: CrawlJob, **policy: bool) -> Task | None:
    """Change the policy of a job's project; return the task that this makes."""
    update_project(Project.objects.get(pk=job.project_id), license_policy=policy)
    return Task.objects.filter(type_name=JUDGE_LICENSES, status=State.PENDING).order_by("-pk").first()


def judged(job: CrawlJob, **policy: bool) -> Task:
    """Change the policy, and run what judges by it."""
    task = change(job, **policy)
    assert task is not None
    return run_task(task)


def test_a_new_policy_is_applied_to_what_is_stored_in_both_directions(job: CrawlJob, held: Held) -> None:
    task = judged(job, require_commercial_use=True, allow_unknown_license=False)
    assert held() == {
        "BY-NC": "no_commercial_use",
        "BY-NC-ND": "no_commercial_use",
        "Museum terms": "unknown_license",
        "": "unknown_license",
    }
    assert task.result is not None
    assert {name: task.result[name] for name in ("done", "quarantined", "released")} == {
        "done": 8,
        "quarantined": 4,
        "released": 0,
    }
    task = judged(job, require_commercial_use=False, require_derivatives=True)
    assert held() == {
        "BY-ND": "no_derivatives",
        "BY-NC-ND": "no_derivatives",
        "Museum terms": "unknown_license",
        "": "unknown_license",
    }
    assert task.result is not None
    assert (task.result["quarantined"], task.result["released"]) == (1, 1)
    judged(job, require_derivatives=False, allow_unknown_license=True)
    assert held() == {}


def test_a_policy_that_stays_as_it_is_makes_no_task(job: CrawlJob) -> None:
    assert change(job, allow_share_alike=True) is None
    assert change(job) is None
    entry = AuditEntry.objects.filter(action="project.changed").latest("pk")
    assert "license_policy" not in entry.detail["changed"]


def test_a_change_is_in_the_audit_log_with_its_task(job: CrawlJob) -> None:
    task = change(job, allow_share_alike=False)
    assert task is not None
    entry = AuditEntry.objects.filter(action="project.changed").latest("pk")
    assert entry.detail == {
        "changed": ["license_policy"],
        "license_policy": {
            "require_commercial_use": False,
            "require_derivatives": False,
            "allow_share_alike": False,
            "allow_unknown_license": True,
        },
        "task": task.public_id,
    }


def test_judging_twice_changes_nothing(job: CrawlJob, held: Held) -> None:
    first = change(job, require_commercial_use=True)
    second = change(job, allow_unknown_license=False)
    assert first is not None and second is not None and first.pk != second.pk
    # A worker that has done the one may do the other with it.
    run_all()
    assert len(held()) == 4, "the first task judges by the policy that holds when it runs"
    results = [Task.objects.get(pk=task.pk).result or {} for task in (first, second)]
    assert [(one["done"], one["quarantined"], one["released"]) for one in results] == [(8, 4, 0), (8, 0, 0)]


def test_another_attempt_goes_on_after_the_last_batch(
    job: CrawlJob, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "BATCH", 3)
    task = change(job, require_commercial_use=True)
    assert task is not None
    context = factories.report(task)
    stored = 0
    store = context.store

    def cut_off(write):  # type: ignore[no-untyped-def]
        nonlocal stored
        if stored == 2:
            raise LeaseLost
        stored += 1
        store(write)

    monkeypatch.setattr(context, "store", cut_off)
    with pytest.raises(LeaseLost):
        quarantine.judge_project(job.project_id, context)
    assert list(held()) == ["BY-NC", "BY-NC-ND"]
    task.refresh_from_db()
    assert task.progress is not None and task.state is not None
    assert (task.progress["done"], task.progress["quarantined"]) == (6, 2)
    # A row that the next attempt does not come back to: nothing reads it a second time.
    first = Image.objects.filter(job=job).order_by("pk").first()
    assert first is not None
    Image.objects.filter(pk=first.pk).update(license="BY-NC")
    context.task = replace(context.task, state=task.state, progress=task.progress)
    monkeypatch.setattr(context, "store", store)
    result = quarantine.judge_project(job.project_id, context)
    assert (result["done"], result["quarantined"], result["percentage"]) == (8, 2, 100)
    assert Image.objects.get(pk=first.pk).quarantine == ""


def test_rows_of_before_are_read_in_whatever_words_they_hold(job: CrawlJob) -> None:
    old = factories.image(job, license="cc by-nc 2.0")
    address = factories.image(job, license="", license_url="https://creativecommons.org/licenses/by-nd/4.0/")
    judged(job, require_commercial_use=True, require_derivatives=True, allow_unknown_license=False)
    assert Image.objects.get(pk=old.pk).quarantine == Reason.COMMERCIAL
    assert Image.objects.get(pk=address.pk).quarantine == Reason.DERIVATIVES


def test_a_batch_costs_the_same_number_of_queries_however_many_images_it_has(job: CrawlJob) -> None:
    ids = list(Image.objects.filter(job=job).order_by("pk").values_list("pk", flat=True))
    policy = LicensePolicy(require_commercial_use=True)
    with CaptureQueriesContext(connection) as few:
        quarantine.judge_images([ids[3]], policy)
    Image.objects.filter(job=job).update(quarantine="")
    with CaptureQueriesContext(connection) as many:
        quarantine.judge_images(ids, policy)
    assert len(few) == len(many)


def test_jobs_of_other_projects_are_left_alone(job: CrawlJob, owner: User) -> None:
    other = factories.started_job(owner=owner)
    image = factories.image(other, license="BY-NC")
    judged(job, require_commercial_use=True)
    image.refresh_from_db()
    assert image.quarantine == ""


def test_the_policy_has_a_column_for_each_of_its_questions() -> None:
    assert tuple(field.name for field in fields(LicensePolicy)) == POLICY_FIELDS
    assert Project().license_policy == LicensePolicy()
    assert set(SENTENCES) == set(Reason)
    assert JUDGE_LICENSES in handlers


def test_counters_are_counted_again(job: CrawlJob, held: Held) -> None:
    judged(job, require_commercial_use=True)
    assert recount_job(job.pk, fix=False) is None
    CrawlJob.objects.filter(pk=job.pk).update(quarantined_images=7)
    found = recount_job(job.pk, fix=True)
    assert found is not None
    assert (found.counters, found.counted) == ({"quarantined_images": 7}, {"quarantined_images": 2})
    assert len(held()) == 2
