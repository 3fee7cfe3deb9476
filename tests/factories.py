"""Projects, jobs, chunks and images for tests, made by the product's own services, with real files in the storage."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image as Pillow
from rest_framework.test import APIClient

from jobs.fetch.storage import image_key, images_storage
from jobs.models import Chunk, CrawlJob, FetchFailure, Image, Level, Project, ValidationRun
from jobs.services.crawl_jobs import create_job, start_job
from jobs.services.failures import host_of
from jobs.services.projects import create_project
from jobs.services.quarantine import count_quarantined
from jobs.services.validation import start_validation
from jobs.validators.headers import HeaderError, read_header
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.services.claim import claim
from tasktypes.services.context import LeasedContext
from tasktypes.services.settle import Settlement, settle
from tasktypes.states import State
from tests.accounts.factories import make_user, sign_in
from tests.images import Picture, photo_variants
from tests.ledger import run_task

_numbers = count(1)
LIST = {"urls": {"urls": ["http://203.0.113.1/a.jpg"]}}
"""Options of an engine that costs no start of a bucket; nothing is fetched unless the task is run."""


def user(**fields: Any) -> User:
    """Insert a user."""
    return make_user(**fields)


def client_of(somebody: User) -> APIClient:
    """Return a client that sends that user's bearer token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {sign_in(somebody)['access_token']}")
    return client


def anonymous() -> APIClient:
    """Return a client without credentials."""
    return APIClient()


def project(owner: User | None = None, **fields: Any) -> Project:
    """Insert a project."""
    number = next(_numbers)
    return create_project(owner=owner or user(), name=fields.pop("name", f"Project {number}"), **fields)


def job(
    of: Project | None = None,
    *,
    owner: User | None = None,
    keywords: Sequence[str] = ("laptop",),
    engines: Sequence[str] = ("urls",),
    max_images: int = 100,
    options: Mapping[str, Any] | None = None,
    keyword_templates: Sequence[str] = ("{keyword}",),
    rebalance: bool = False,
    name: str = "A job",
) -> CrawlJob:
    """Insert a pending job."""
    if options is None:
        options = LIST if "urls" in engines else {}
    return create_job(
        project=of or project(owner),
        name=name,
        keywords=keywords,
        engines=engines,
        max_images=max_images,
        options=options,
        keyword_templates=keyword_templates,
        rebalance=rebalance,
    )


def started_job(*args: Any, **fields: Any) -> CrawlJob:
    """Insert a job and start it; nothing runs its tasks."""
    return start_job(job(*args, **fields)).job


def tasks_of(of: CrawlJob) -> list[Task]:
    """Return the tasks of a started job, in the order of its chunks."""
    return list(Task.objects.filter(group_id=CrawlJob.objects.get(pk=of.pk).group_id).order_by("pk"))


def report(task: Task, **progress: Any) -> LeasedContext:
    """Claim a task as a worker does, and let it report."""
    claimed = claim(task.pk, task.attempt, worker="tests", carrier=f"factory-{task.pk}")
    assert claimed is not None
    context = LeasedContext(claimed, time_limit=60)
    context.checkpoint(progress={"target": task.parameters.get("max_images", 0), **progress})
    return context


def end(task: Task, state: State = State.COMPLETED, *, error: str | None = None, **progress: Any) -> None:
    """Claim a task, let it report, and settle it."""
    claimed = report(task, **progress).task
    assert settle(
        [Settlement(task_id=claimed.id, attempt=claimed.attempt, status=state, result={}, error_message=error)]
    )


def end_job(of: CrawlJob, state: State = State.COMPLETED, **progress: Any) -> CrawlJob:
    """Settle every task of a started job alike."""
    for task in tasks_of(of):
        end(task, state, **progress)
    return CrawlJob.objects.with_group().get(pk=of.pk)


def picture(seed: int | None = None) -> Picture:
    """Return a distinct real JPEG."""
    return next(photo_variants(1, next(_numbers) if seed is None else seed, formats=("jpeg",)))


@cache
def png() -> bytes:
    """Return a small picture with transparency."""
    buffer = io.BytesIO()
    Pillow.new("RGBA", (90, 60), (200, 30, 30, 120)).save(buffer, "PNG")
    return buffer.getvalue()


def image(of: CrawlJob, data: bytes | None = None, *, chunk: Chunk | None = None, **fields: Any) -> Image:
    """Store a file and insert its row, as a chunk of a started job does."""
    data = picture().data if data is None else data
    sha256 = hashlib.sha256(data).hexdigest()
    kind = fields.pop("format", "jpeg")
    try:
        header = read_header(kind, data, complete=True, max_pixels=40_000_000)
        width, height = header.width, header.height
    except (HeaderError, KeyError):
        width = height = None
    images_storage().save(image_key(sha256), ContentFile(data))
    chunk = chunk or Chunk.objects.filter(job=of).order_by("pk").first()
    assert chunk is not None, "start the job first"
    number = next(_numbers)
    values: dict[str, Any] = {
        "sha256": sha256,
        "key": image_key(sha256),
        "format": kind,
        "width": width,
        "height": height,
        "bytes": len(data),
        "content_type": f"image/{kind}",
        "source_url": f"http://203.0.113.1/{number}.jpg",
        "keyword": chunk.keyword,
        "engine": chunk.engine,
        "backend": chunk.backend,
        "rank": number,
        "fetched_at": timezone.now(),
        **fields,
    }
    row = Image.objects.create(job=of, chunk=chunk, **values)
    count_quarantined([row])
    return row


def job_with_images(number: int, *, owner: User | None = None, **fields: Any) -> CrawlJob:
    """Insert a completed job with that many images."""
    made = started_job(owner=owner, **fields)
    for _ in range(number):
        image(made)
    return end_job(made, images=number, outcomes={"stored": number})


def failure(of: CrawlJob, outcome: str = "http_404", **fields: Any) -> FetchFailure:
    """Insert a candidate that did not become an image."""
    chunk = fields.pop("chunk", None) or Chunk.objects.filter(job=of).order_by("pk").first()
    number = next(_numbers)
    url = fields.pop("url", f"http://203.0.113.1/{number}.jpg")
    values = {"rank": number, "detail": "", "host": host_of(url), "created_at": timezone.now(), **fields}
    return FetchFailure.objects.create(chunk=chunk, outcome=outcome, url=url, **values)


def validated(of: CrawlJob, level: Level = Level.MEDIUM, by: User | None = None) -> ValidationRun:
    """Validate a job's images in this process and return the run."""
    run = start_validation(of, level, by).run
    run_validation(of)
    run.group.refresh_from_db()
    return run


def run_validation(of: CrawlJob) -> None:
    """Run what was started of a job's validation, and nothing of its crawl."""
    for task in Task.objects.filter(group__validation_run__job=of, status=State.PENDING).order_by("pk"):
        run_task(task)
