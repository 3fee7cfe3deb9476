"""Decisions about images: rows that say who decided what, and what the image reads as after each and after an undo."""

from __future__ import annotations

import uuid

import pytest

from jobs.models import CrawlJob, Decision, DecisionKind, Image
from jobs.services import decisions
from jobs.services.decisions import Choice, decide, undo_batches, undo_decision, undo_last
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.accounts.roles import Role
from pixtasks.common.errors import AccessDenied, InvalidInput, NotFound, RuleViolation
from tests import factories

pytestmark = pytest.mark.django_db
KEEP, REJECT, RELABEL = DecisionKind.KEEP, DecisionKind.REJECT, DecisionKind.RELABEL


@pytest.fixture
def owner() -> User:
    return factories.user()


@pytest.fixture
def job(owner: User) -> CrawlJob:
    return factories.job_with_images(4, owner=owner)


def ids(job: CrawlJob) -> list[int]:
    return list(Image.objects.filter(job=job).order_by("pk").values_list("pk", flat=True))


def read(image_id: int) -> tuple[str, str]:
    image = Image.objects.get(pk=image_id)
    return image.decision, image.label


def test_a_decision_is_a_row_and_the_image_repeats_the_latest(owner: User, job: CrawlJob) -> None:
    first, second, *_ = ids(job)
    decide([Choice((first, second), REJECT)], actor=owner)
    decide([Choice((first,), RELABEL, "  red   fox ")], actor=owner)
    assert read(first) == ("relabel", "red fox")
    assert read(second) == ("reject", "")
    decide([Choice((first,), KEEP)], actor=owner)
    assert read(first) == ("keep", "red fox"), "a new label stands until it is taken back"
    assert Decision.objects.count() == 4
    row = Decision.objects.get(kind=RELABEL)
    assert (row.by, row.job, row.label, row.undone_at) == (owner, job, "red fox", None)


def test_several_strokes_in_one_request_are_undone_one_by_one(owner: User, job: CrawlJob) -> None:
    first, second, third, _ = ids(job)
    done = decide([Choice((first,), KEEP), Choice((second, third), REJECT), Choice((first,), REJECT)], actor=owner)
    assert len(set(done.batches)) == 3
    assert {state.id: state.decision for state in done.images} == dict.fromkeys((first, second, third), "reject")
    undone = undo_last(actor=owner, job_id=job.pk)
    assert undone.batches == [done.batches[2]]
    assert read(first) == ("keep", "")
    undo_last(actor=owner)
    assert (read(second), read(third)) == (("", ""), ("", ""))
    undo_batches([done.batches[0]], actor=owner)
    assert read(first) == ("", "")
    with pytest.raises(RuleViolation, match="no decision of yours"):
        undo_last(actor=owner)
    assert Decision.objects.filter(undone_at=None).count() == 0 < Decision.objects.count()


def test_any_decision_is_undone_and_what_came_after_it_stands(owner: User, job: CrawlJob) -> None:
    first = ids(job)[0]
    decide([Choice((first,), RELABEL, "cat")], actor=owner)
    decide([Choice((first,), REJECT)], actor=owner)
    label = Decision.objects.get(kind=RELABEL)
    undo_decision(label.pk, actor=owner)
    assert read(first) == ("reject", "")
    with pytest.raises(RuleViolation, match="already"):
        undo_decision(label.pk, actor=owner)
    label.refresh_from_db()
    assert label.undone_by == owner


def test_undoing_the_last_leaves_other_peoples_and_other_jobs_alone(owner: User, job: CrawlJob) -> None:
    boss = factories.user(is_staff=True, is_superuser=True)
    other = factories.job_with_images(1, owner=owner)
    first, second, *_ = ids(job)
    decide([Choice((first,), REJECT)], actor=owner)
    decide([Choice((ids(other)[0],), KEEP)], actor=owner)
    decide([Choice((second,), REJECT)], actor=boss)
    undo_last(actor=owner, job_id=job.pk)
    assert [read(image)[0] for image in (first, second, ids(other)[0])] == ["", "reject", "keep"]
    undo_last(actor=owner, project_id=other.project_id)
    assert read(ids(other)[0]) == ("", "")


def test_only_the_owner_and_operators_decide(job: CrawlJob) -> None:
    first = ids(job)[0]
    viewer, operator = factories.user(is_staff=True, role=Role.VIEWER), factories.user(is_staff=True)
    for nobody in (factories.user(), viewer):
        with pytest.raises(AccessDenied):
            decide([Choice((first,), REJECT)], actor=nobody)
    done = decide([Choice((first,), REJECT)], actor=operator)
    for nobody in (factories.user(), viewer):
        with pytest.raises(AccessDenied):
            undo_batches(done.batches, actor=nobody)
    undo_batches(done.batches, actor=job.project.owner)
    assert read(first) == ("", "")


def test_a_request_about_one_foreign_image_changes_nothing(owner: User, job: CrawlJob) -> None:
    foreign = ids(factories.job_with_images(1))[0]
    with pytest.raises(AccessDenied):
        decide([Choice((ids(job)[0], foreign), REJECT)], actor=owner)
    with pytest.raises(NotFound):
        decide([Choice((ids(job)[0], 10**9), REJECT)], actor=owner)
    with pytest.raises(NotFound):
        decide([Choice((2**70,), REJECT)], actor=owner)
    assert not Decision.objects.exists()
    assert read(ids(job)[0]) == ("", "")


@pytest.mark.parametrize(
    "choice",
    [
        Choice((1,), RELABEL, "  "),
        Choice((1,), KEEP, "cat"),
        Choice((1,), RELABEL, "x" * 101),
        Choice((), KEEP),
        Choice(tuple(range(1, 1002)), KEEP),
    ],
    ids=["no label", "a label too many", "too long", "nothing", "too many"],
)
def test_what_makes_no_sense_is_refused(choice: Choice, owner: User) -> None:
    with pytest.raises(InvalidInput):
        decide([choice], actor=owner)


def test_a_batch_leaves_one_entry_in_the_audit_log(owner: User, job: CrawlJob) -> None:
    done = decide([Choice(tuple(ids(job)), REJECT)], actor=owner, address="192.0.2.7")
    undo_batches(done.batches, actor=owner)
    made, undone = AuditEntry.objects.filter(action__startswith="images.").order_by("pk")
    assert (made.action, made.object_id, made.address) == ("images.decided", str(job.pk), "192.0.2.7")
    assert (made.detail["reject"], made.detail["images_count"]) == (4, 4)
    assert (undone.action, undone.detail["reject"]) == ("images.decision_undone", 4)


def test_strokes_are_listed_with_what_still_stands(owner: User, job: CrawlJob) -> None:
    first, second, *_ = ids(job)
    decide([Choice((first, second), REJECT)], actor=owner)
    decide([Choice((first,), RELABEL, "cat")], actor=owner)
    undo_decision(Decision.objects.get(image=second).pk, actor=owner)
    newest, oldest = decisions.recent_strokes([job.pk])
    assert (newest.kind, newest.label, newest.images, newest.standing, newest.by) == (
        "relabel",
        "cat",
        1,
        1,
        owner.email,
    )
    assert (oldest.kind, oldest.images, oldest.standing) == ("reject", 2, 1)
    assert decisions.recent_strokes([]) == []
    assert [row.kind for row in decisions.history(Image.objects.get(pk=first))] == ["relabel", "reject"]


def test_an_unknown_stroke_is_not_found(owner: User) -> None:
    with pytest.raises(NotFound):
        undo_batches([uuid.uuid4()], actor=owner)
    with pytest.raises(NotFound):
        undo_decision(2**80, actor=owner)


def test_the_number_of_queries_does_not_grow_with_the_images(
    owner: User, job: CrawlJob, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(9):  # type: ignore[operator]
        done = decide([Choice(tuple(ids(job)), REJECT)], actor=owner)
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        undo_batches(done.batches, actor=owner)
