"""Letting one image out by hand: with a reason, audited, and undone as decisions are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobs.licenses import LicensePolicy
from jobs.models import CrawlJob, Image, Project, QuarantineRelease
from jobs.services import quarantine
from jobs.services.projects import update_project
from jobs.services.releases import release, releases_of, undo_release
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.accounts.roles import Role
from pixtasks.common.errors import AccessDenied, InvalidInput, RuleViolation
from tests import factories

pytestmark = pytest.mark.django_db
Held = Callable[[], dict[str, str]]
COMMERCIAL = LicensePolicy(require_commercial_use=True)


@pytest.fixture
def image(job: CrawlJob) -> Image:
    """The image under BY-NC, in quarantine."""
    update_project(Project.objects.get(pk=job.project_id), license_policy={"require_commercial_use": True})
    quarantine.judge_images(list(Image.objects.filter(job=job).values_list("pk", flat=True)), COMMERCIAL)
    return Image.objects.get(job=job, license="BY-NC")


def test_what_was_let_out_stays_out_whatever_is_judged_again(image: Image, owner: User, held: Held) -> None:
    made = release(image, reason="  The creator\nagreed. ", actor=owner, address="203.0.113.9")
    assert (made.quarantine, made.reason, made.by) == ("no_commercial_use", "The creator agreed.", owner)
    assert list(held()) == ["BY-NC-ND"]
    quarantine.judge_images([image.pk], COMMERCIAL)
    quarantine.judge_images([image.pk], LicensePolicy(require_commercial_use=True, allow_unknown_license=False))
    assert list(held()) == ["BY-NC-ND"]
    entry = AuditEntry.objects.get(action="image.released")
    assert entry.detail == {
        "image": image.pk,
        "quarantine": "no_commercial_use",
        "license": "BY-NC",
        "reason": "The creator agreed.",
    }
    assert (entry.actor, entry.address) == (owner, "203.0.113.9")


def test_undoing_lets_the_policy_that_holds_now_decide(image: Image, owner: User, held: Held) -> None:
    release(image, reason="agreed", actor=owner)
    assert undo_release(image, actor=owner) == "no_commercial_use"
    assert sorted(held()) == ["BY-NC", "BY-NC-ND"]
    (row,) = releases_of(image)
    assert row.undone_at is not None and row.undone_by == owner
    release(image, reason="agreed again", actor=owner)
    update_project(Project.objects.get(pk=image.job.project_id), license_policy={"require_commercial_use": False})
    assert undo_release(image, actor=owner) == ""
    assert [one.reason for one in releases_of(image)] == ["agreed again", "agreed"]
    assert AuditEntry.objects.filter(action="image.release_undone").count() == 2


def test_what_is_not_in_quarantine_cannot_be_let_out_nor_be_put_back(image: Image, owner: User, job: CrawlJob) -> None:
    free = Image.objects.get(job=job, license="BY")
    with pytest.raises(RuleViolation, match="not in quarantine"):
        release(free, reason="why not", actor=owner)
    with pytest.raises(RuleViolation, match="not let out"):
        undo_release(image, actor=owner)
    release(image, reason="agreed", actor=owner)
    with pytest.raises(RuleViolation, match="not in quarantine"):
        release(image, reason="agreed twice", actor=owner)
    undo_release(image, actor=owner)
    with pytest.raises(RuleViolation, match="not let out"):
        undo_release(image, actor=owner)
    assert QuarantineRelease.objects.count() == 1


@pytest.mark.parametrize("reason", ["", " \n", "\x00", "x" * 501])
def test_a_reason_is_asked_for(image: Image, owner: User, reason: str) -> None:
    with pytest.raises(InvalidInput):
        release(image, reason=reason, actor=owner)
    assert not QuarantineRelease.objects.exists()


def test_only_the_owner_and_operators_let_out(image: Image, owner: User) -> None:
    viewer, operator = factories.user(is_staff=True, role=Role.VIEWER), factories.user(is_staff=True)
    for nobody in (factories.user(), viewer):
        with pytest.raises(AccessDenied):
            release(image, reason="mine", actor=nobody)
    release(image, reason="asked", actor=operator)
    for nobody in (factories.user(), viewer):
        with pytest.raises(AccessDenied):
            undo_release(image, actor=nobody)
    undo_release(image, actor=owner)
