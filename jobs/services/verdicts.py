"""What an image's verdicts add up to."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F
from django.db.models.functions import Now

from jobs.models import CrawlJob, Image, Verdict


def rejudge(image_ids: Sequence[int]) -> None:
    """Set ``Image.is_valid`` from the verdicts, and move the jobs' counters by what changed; inside a transaction.

    An image is invalid if any level that was run found it so (CONTRACT X68).
    """
    images = list(Image.objects.select_for_update().filter(pk__in=image_ids).order_by("pk").only("job_id", "is_valid"))
    invalid = set(Verdict.objects.filter(image__in=images, is_valid=False).values_list("image_id", flat=True))
    known = set(Verdict.objects.filter(image__in=images).values_list("image_id", flat=True))
    moves: dict[int, list[int]] = {}
    changed: dict[bool | None, list[int]] = {}
    for image in images:
        now = None if image.pk not in known else image.pk not in invalid
        if now == image.is_valid:
            continue
        changed.setdefault(now, []).append(image.pk)
        valid, bad = moves.setdefault(image.job_id, [0, 0])
        moves[image.job_id] = [
            valid + (now is True) - (image.is_valid is True),
            bad + (now is False) - (image.is_valid is False),
        ]
    for verdict, ids in changed.items():
        Image.objects.filter(pk__in=ids).update(is_valid=verdict)
    for job_id, (valid, bad) in sorted(moves.items()):
        CrawlJob.objects.filter(pk=job_id).update(
            valid_images=F("valid_images") + valid, invalid_images=F("invalid_images") + bad, updated_at=Now()
        )
