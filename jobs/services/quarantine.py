"""Quarantine: images whose licence does not fit their project's policy are kept, and kept out of what is shown.

An image is judged where its row is written, and again when the policy changes. Both read the policy under a lock that
lets others read it and nobody change it: whatever commits after a change has been judged by it, and the task that
judges again finds all the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from jobs.licenses import LicensePolicy, Reason, judge, normalize
from jobs.models import CrawlJob, Image, Project, QuarantineRelease
from jobs.models.project import POLICY_FIELDS
from tasktypes.handlers import Context
from tasktypes.models import Task
from tasktypes.services.submit import NewTask, submit

JUDGE_LICENSES: Final = "jobs.judge_licenses"
"""Name of the handler that judges a project's images again."""
BATCH: Final = 500
"""Images per transaction."""

SENTENCES: Final[dict[str, str]] = {
    Reason.UNKNOWN: "The source names no licence that is known, and the project asks for one.",
    Reason.COMMERCIAL: "Its licence forbids commercial use, which the project asks for.",
    Reason.DERIVATIVES: "Its licence forbids to share changed versions, which the project asks for.",
    Reason.SHARE_ALIKE: "Changed versions must come under the same licence, which the project does not take on.",
}
"""Each reason, for people."""


def policy_of_job(job_id: int) -> LicensePolicy:
    """Return the policy that a job's images are judged by now; inside the transaction that writes them.

    Until that has ended nobody changes the policy. A job that is gone has none.
    """
    project, job = Project._meta.db_table, CrawlJob._meta.db_table
    columns = ", ".join(f"p.{name}" for name in POLICY_FIELDS)
    # On SQLite the transaction itself is the lock.
    lock = " FOR SHARE OF p" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {project} p JOIN {job} j ON j.project_id = p.id WHERE j.id = %s{lock}",  # noqa: S608
            [job_id],
        )
        row = cursor.fetchone()
    return LicensePolicy(*map(bool, row)) if row is not None else LicensePolicy()


def verdict_on(image: Image, policy: LicensePolicy) -> str:
    """Return why an image does not fit a policy, "" where it does; rows of any age are read alike."""
    return judge(normalize(image.license, url=image.license_url).code, policy)


def count_quarantined(images: Iterable[Image]) -> None:
    """Add the images among newly stored ones that are in quarantine to their jobs; in the same transaction."""
    _move(Counter(image.job_id for image in images if image.quarantine))


def change_policy(project: Project, changes: Mapping[str, bool]) -> Task | None:
    """Set what is given of a project's policy, and have its images judged again; inside a transaction.

    Args:
        changes: by the names of :class:`LicensePolicy`.

    Returns:
        The task that judges them; None where nothing changed.
    """
    now = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    before = now.license_policy
    after = replace(before, **changes)
    for name in POLICY_FIELDS:
        setattr(project, name, getattr(after, name))
    if after == before:
        return None
    Project.objects.filter(pk=project.pk).update(
        **{name: getattr(after, name) for name in POLICY_FIELDS}, updated_at=Now()
    )
    parameters = {"project_id": project.pk}
    return submit([NewTask(type_name=JUDGE_LICENSES, parameters=parameters)], owner_id=project.owner_id)[0]


def judge_project(project_id: int, context: Context) -> dict[str, Any]:
    """Judge all images of a project again by the policy that holds when each batch is read.

    Another attempt goes on after the last batch that was stored. Judging twice changes nothing.

    Returns:
        ``{"jobs", "images", "done", "quarantined", "released", "percentage"}``: how many were to be read when it
        began, were read, were put into quarantine, and came out.
    """
    state = context.task.state or {}
    jobs = list(CrawlJob.objects.filter(project_id=project_id).order_by("pk").values_list("pk", "images"))
    counts = {
        "jobs": len(jobs),
        "images": sum(images for _, images in jobs),
        "done": 0,
        "quarantined": 0,
        "released": 0,
        **(context.task.progress or {} if state else {}),
    }
    for job_id, _ in jobs:
        if job_id < state.get("job", 0):
            continue
        after = state.get("after", 0) if job_id == state.get("job") else 0
        while True:
            ids = list(
                Image.objects.filter(job=job_id, pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH]
            )
            if not ids:
                break
            after = ids[-1]
            place = {"job": job_id, "after": after}

            def write(ids: list[int] = ids, place: dict[str, int] = place) -> tuple[dict[str, Any], dict[str, Any]]:
                moved = judge_images(ids, policy_of_job(place["job"]))
                counts["done"] += len(ids)
                counts["quarantined"] += moved["in"]
                counts["released"] += moved["out"]
                return _reported(counts), place

            context.check_cancelled()
            context.store(write)
    return _reported(counts) | {"percentage": 100}


def judge_images(image_ids: Sequence[int], policy: LicensePolicy) -> Counter[str]:
    """Judge images again, and move the jobs' counters by what changed; inside a transaction.

    Returns:
        How many went "in" and came "out".
    """
    # The lock order: the project (policy_of_job), images by their ids, the job.
    rows = Image.objects.select_for_update(no_key=True).filter(pk__in=image_ids).order_by("pk")
    images = list(rows.only("job_id", "license", "license_url", "quarantine"))
    released = set(
        QuarantineRelease.objects.filter(image__in=images, undone_at=None).values_list("image_id", flat=True)
    )
    changed: dict[str, list[int]] = {}
    jobs: Counter[int] = Counter()
    moved: Counter[str] = Counter()
    for image in images:
        found = "" if image.pk in released else verdict_on(image, policy)
        if found == image.quarantine:
            continue
        changed.setdefault(found, []).append(image.pk)
        jobs[image.job_id] += bool(found) - bool(image.quarantine)
        moved["in"] += bool(found) and not image.quarantine
        moved["out"] += bool(image.quarantine) and not found
    for reason, ids in changed.items():
        Image.objects.filter(pk__in=ids).update(quarantine=reason)
    _move(jobs)
    return moved


def _reported(counts: dict[str, Any]) -> dict[str, Any]:
    return {**counts, "percentage": min(99, 100 * counts["done"] // counts["images"]) if counts["images"] else 0}


def _move(jobs: Counter[int]) -> None:
    for job_id, number in sorted(jobs.items()):
        if number:
            CrawlJob.objects.filter(pk=job_id).update(
                quarantined_images=F("quarantined_images") + number, updated_at=Now()
            )
