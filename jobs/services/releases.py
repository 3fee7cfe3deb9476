"""Letting single images out of quarantine by hand, and taking that back."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from jobs.licenses import LicensePolicy
from jobs.models import CrawlJob, Image, QuarantineRelease
from jobs.services.decisions import may_decide
from jobs.services.quarantine import judge_images, policy_of_job
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import AccessDenied, FieldError, InvalidInput, RuleViolation
from pixtasks.common.sql import update_returning

LONGEST_REASON = 500


def release(image: Image, *, reason: str, actor: User, address: str | None = None) -> QuarantineRelease:
    """Let an image out of quarantine; no policy puts it back until that is undone.

    Raises:
        AccessDenied: it is of somebody else's project, and the actor may not operate.
        InvalidInput: no reason is given, or too long a one.
        RuleViolation: the image is not in quarantine.
    """
    words = " ".join(reason.replace("\x00", "").split())
    if not 0 < len(words) <= LONGEST_REASON:
        raise InvalidInput(FieldError(("body", "reason"), f"say why, in up to {LONGEST_REASON} characters"))
    with transaction.atomic():
        policy = _policy(image, actor)
        row = Image.objects.select_for_update(no_key=True, of=("self",)).get(pk=image.pk)
        if not row.quarantine:
            raise RuleViolation(f"Image {image.pk} is not in quarantine")
        made = QuarantineRelease.objects.create(
            image=row, quarantine=row.quarantine, reason=words, by=actor, created_at=timezone.now()
        )
        judge_images([image.pk], policy)
        facts = {"image": image.pk, "quarantine": made.quarantine, "license": row.license, "reason": words}
        audit("image.released", actor=actor, target=image.job, detail=facts, address=address)
    image.quarantine = ""
    return made


def undo_release(image: Image, *, actor: User, address: str | None = None) -> str:
    """Take back that an image was let out, and judge it by the policy that holds now.

    Returns:
        The reason that it is in quarantine for; "" where the policy lets it pass by now.

    Raises:
        AccessDenied: it is of somebody else's project, and the actor may not operate.
        RuleViolation: nobody has let it out, or that has been undone.
    """
    with transaction.atomic():
        policy = _policy(image, actor)
        # The image first, as everybody does: two who undo at once wait here for each other.
        Image.objects.select_for_update(no_key=True, of=("self",)).get(pk=image.pk)
        undone = update_returning(
            QuarantineRelease.objects.filter(image=image, undone_at=None),
            {"undone_at": Now(), "undone_by": actor},
            ["id", "quarantine"],
        )
        if not undone:
            raise RuleViolation(f"Image {image.pk} was not let out of quarantine by hand")
        judge_images([image.pk], policy)
        now = Image.objects.values_list("quarantine", flat=True).get(pk=image.pk)
        facts = {"image": image.pk, "quarantine": now}
        audit("image.release_undone", actor=actor, target=image.job, detail=facts, address=address)
    image.quarantine = now
    return now


def _policy(image: Image, actor: User) -> LicensePolicy:
    """Return the policy that an image is judged by, for whoever may decide about it."""
    owner_id = CrawlJob.objects.filter(pk=image.job_id).values_list("project__owner_id", flat=True).get()
    if not may_decide(actor, owner_id):
        raise AccessDenied
    return policy_of_job(image.job_id)


def releases_of(image: Image, *, most: int = 20) -> list[QuarantineRelease]:
    """Return how often an image was let out, newest first, with who did it and who took it back."""
    return list(QuarantineRelease.objects.filter(image=image).select_related("by", "undone_by").order_by("-pk")[:most])
