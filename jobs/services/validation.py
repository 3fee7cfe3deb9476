"""Validation: start a run over a job's images, write a verdict per image and level, summarise."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now
from django.utils import timezone

from jobs.fetch.storage import images_storage
from jobs.models import CrawlJob, Image, Issue, Level, ValidationRun, Verdict
from jobs.services.near_duplicates import last_step
from jobs.services.opt_outs import spot_look_alikes
from jobs.services.verdicts import rejudge
from jobs.validators import Issue as Kind
from jobs.validators import Subject, Thresholds, validators
from jobs.validators import Verdict as Judgement
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import NotFound
from tasktypes.handlers import Context
from tasktypes.services.submit import NewTask, create_group, submit

GROUP_KIND = "validation_run"


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A validation run and its tasks' public ids, ``task_{job_id}_{index}``."""

    run: ValidationRun
    task_ids: list[str]


def start_validation(job: CrawlJob, level: Level, user: User | None, *, address: str | None = None) -> StartedRun:
    """Validate all images that a job has now, in batches of PIXTASKS_VALIDATION_BATCH_SIZE (CONTRACT J25, X15, X16).

    Raises:
        NotFound: the job has no images (CONTRACT J27).
    """
    size = settings.PIXTASKS_VALIDATION_BATCH_SIZE
    with transaction.atomic():
        locked = CrawlJob.objects.select_for_update().select_related("project").get(pk=job.pk)
        ids = list(Image.objects.filter(job=locked).order_by("pk").values_list("pk", flat=True))
        if not ids:
            raise NotFound(f"No images found for job {job.pk}")
        batches = [ids[start : start + size] for start in range(0, len(ids), size)]
        first = locked.validation_tasks
        CrawlJob.objects.filter(pk=job.pk).update(validation_tasks=first + len(batches), updated_at=Now())
        group = create_group(GROUP_KIND)
        run = ValidationRun.objects.create(
            job=locked,
            level=level,
            group=group,
            images_count=len(ids),
            created_by=user,
            thresholds=Thresholds.from_settings().as_json(),
        )
        new_tasks = [
            NewTask(
                type_name=f"jobs.validate_images_{level.value}",
                parameters={"job_id": job.pk, "run_id": run.pk, "image_ids": batch},
                public_id=f"task_{job.pk}_{first + index}",
            )
            for index, batch in enumerate(batches)
        ]
        if level == Level.SLOW:
            new_tasks.append(last_step(job_id=job.pk, run_id=run.pk))
        submit(new_tasks, owner_id=locked.project.owner_id, group=group)
        facts = {"level": level.value, "images": len(ids)}
        audit("validation.started", actor=user, target=locked, detail=facts, address=address)
    return StartedRun(run, [f"task_{job.pk}_{first + index}" for index in range(len(batches))])


def run_thresholds(run_id: int, job_id: int) -> Thresholds:
    """Return what a run of the job judges by; the settings, where there is no such run or it was begun before."""
    kept = ValidationRun.objects.filter(pk=run_id, job_id=job_id).values_list("thresholds", flat=True).first()
    return Thresholds.from_json(kept)


def validate_batch(
    level: Level, image_ids: Sequence[int], context: Context, *, thresholds: Thresholds | None = None
) -> dict[str, Any]:
    """Judge the images of one batch; verdicts are stored about once a second.

    Args:
        thresholds: what to judge by; the settings' where it is None.

    Returns:
        ``{"images", "valid", "invalid"}``: how many there were (images deleted meanwhile are left out).
    """
    validator, storage = validators[level.value], images_storage()
    thresholds = thresholds or Thresholds.from_settings()
    images = list(Image.objects.filter(pk__in=image_ids).order_by("pk"))
    judged: list[tuple[Image, Judgement]] = []
    counts = {"images": len(images), "done": 0, "valid": 0, "invalid": 0}
    for image in images:
        context.check_cancelled()
        judgement = validator.check(_subject(image, storage), thresholds)
        judged.append((image, judgement))
        counts["done"] += 1
        counts["valid" if judgement.is_valid else "invalid"] += 1
        if context.checkpoint_due:
            _store(level, judged, context, counts)
            judged = []
    if judged:
        _store(level, judged, context, counts)
    return counts


def summary(job: CrawlJob) -> dict[str, Any]:
    """Return what validation knows of a job: counts over all levels, per level, and per issue."""
    levels: dict[str, dict[str, int]] = {}
    for row in (
        Verdict.objects.filter(image__job=job)
        .values("level", "is_valid")
        .annotate(number=Count("id"))
        .order_by("level")
    ):
        level = levels.setdefault(row["level"], {"images": 0, "valid": 0, "invalid": 0})
        level["images"] += row["number"]
        level["valid" if row["is_valid"] else "invalid"] += row["number"]
    issues = dict(
        Issue.objects.filter(image__job=job)
        .values_list("kind")
        .annotate(number=Count("image", distinct=True))
        .order_by("kind")
    )
    images = Image.objects.filter(job=job)
    return {
        "images": images.count(),
        "valid": job.valid_images,
        "invalid": job.invalid_images,
        "unchecked": images.filter(is_valid__isnull=True).count(),
        "levels": levels,
        "issues": issues,
    }


def _store(level: Level, judged: list[tuple[Image, Judgement]], context: Context, counts: dict[str, int]) -> None:
    def write() -> tuple[dict[str, Any], dict[str, Any]]:
        now = timezone.now()
        # Images deleted since they were read have no place for a verdict.
        alive = set(Image.objects.filter(pk__in=[image.pk for image, _ in judged]).values_list("pk", flat=True))
        rows = [(image, judgement) for image, judgement in judged if image.pk in alive]
        Verdict.objects.filter(image__in=alive, level=level).delete()
        verdicts = Verdict.objects.bulk_create(
            [
                Verdict(
                    image=image,
                    level=level,
                    is_valid=judgement.is_valid,
                    measurements=judgement.measurements,
                    created_at=now,
                )
                for image, judgement in rows
            ]
        )
        Issue.objects.bulk_create(
            [
                Issue(verdict=verdict, image=image, kind=kind)
                for verdict, (image, judgement) in zip(verdicts, rows, strict=True)
                for kind in judgement.issues
            ]
        )
        _remember_hashes(rows)
        rejudge(sorted(alive))
        return dict(counts), {}

    context.store(write)


def _remember_hashes(rows: Sequence[tuple[Image, Judgement]]) -> None:
    hashed = []
    for image, judgement in rows:
        text = judgement.measurements.get("phash")
        # All blank pictures look alike; that one is blank says enough.
        if isinstance(text, str) and Kind.BLANK not in judgement.issues:
            unsigned = int(text, 16)
            image.phash = unsigned - (1 << 64) if unsigned >= 1 << 63 else unsigned
            hashed.append(image)
    if hashed:
        Image.objects.bulk_update(hashed, ["phash"])
        spot_look_alikes(hashed)


def _subject(image: Image, storage: Storage) -> Subject:
    path = Path(storage.path(image.key)) if isinstance(storage, FileSystemStorage) else None

    def opened() -> BinaryIO:
        if path is not None:
            return path.open("rb")
        with storage.open(image.key, "rb") as handle:
            return io.BytesIO(cast(bytes, handle.read()))

    return Subject(
        path=path,
        open=opened,
        size=image.bytes,
        format=image.format,
        source_url=image.source_url,
        content_type=image.content_type,
        sha256=image.sha256,
    )
