"""Removing what is stored of entries of the opt-out list: rows, counts, files.

An image that goes becomes a candidate that failed as ``opted_out``: in its chunk's counts, in its job's, and as a row
among the failures, all in one transaction, so that the sums stay equal whatever is killed in between. Images of chunks
that are at work stay until these have ended; the task waits for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from jobs.engines import Candidate
from jobs.fetch.outcomes import Outcome
from jobs.models import Chunk, CrawlJob, FetchFailure, Image, OptOut, OptOutKind
from jobs.services.candidates import FACTS, failure_row
from jobs.services.chunks import move_counts, moved
from jobs.services.files import drop_files
from jobs.services.opt_outs import canonical, looks_like, mark_files
from jobs.services.thumbnails import drop_thumbnails
from pixtasks.accounts.services.audit import audit
from pixtasks.common.net.urls import BadUrlError, prepare_url
from tasktypes.handlers import Context, Postponed
from tasktypes.models import Task
from tasktypes.services.status_cache import forget_after_commit
from tasktypes.states import TERMINAL

_FILES: Final = 100
"""So many files, with all images of them, go in one transaction."""
_WAIT_SECONDS: Final = 30.0


def remove_opted_out(opt_out_ids: Collection[int], context: Context) -> dict[str, Any]:
    """Remove every stored image that entries name, and the files that no other image needs.

    Returns:
        ``{"images", "files"}``: how many this attempt removed.

    Raises:
        Postponed: images of chunks that are at work are left.
        TaskCancelled, LeaseLost: see :class:`tasktypes.services.context.Context`.
    """
    entries = list(OptOut.objects.filter(pk__in=opt_out_ids).order_by("pk"))
    images = files = left = 0
    found = _found(entries)
    while batch := list(islice(found, _FILES)):
        context.check_cancelled()
        digests = {sha256 for sha256, _ in batch}
        for entry in entries:
            mark_files(entry, [sha256 for sha256, owner in batch if owner == entry.pk])
        causes = dict(batch)
        gone: list[int] = []

        def write(
            causes: dict[str, int] = causes, gone: list[int] = gone, before: int = images
        ) -> tuple[dict[str, Any], dict[str, Any]]:
            gone[:] = [_remove(causes)]
            return {"images": before + gone[0]}, {}

        context.store(write)
        images += gone[0]
        files += drop_files(digests)
        for sha256 in digests:
            drop_thumbnails(sha256)
        left += Image.objects.filter(sha256__in=digests).count()
    if left:
        raise Postponed(_WAIT_SECONDS, f"{left} images belong to chunks that are at work")
    return {"images": images, "files": files}


def _found(entries: Sequence[OptOut]) -> Iterator[tuple[str, int]]:
    """Yield the sha256 of stored images that entries name, each once, with the entry's id."""
    seen: set[str] = set()
    files = {entry.value: entry.pk for entry in entries if entry.kind == OptOutKind.SHA256}
    # The files that were marked before, by an earlier attempt or by a validation.
    marked = OptOut.objects.filter(cause__in=entries, kind=OptOutKind.SHA256).order_by("pk")
    known = {**dict(marked.values_list("value", "cause_id").iterator()), **files}
    digests = sorted(known)
    for begin in range(0, len(digests), _FILES):
        part = Image.objects.filter(sha256__in=digests[begin : begin + _FILES]).order_by("sha256")
        for sha256 in part.values_list("sha256", flat=True).distinct():
            seen.add(sha256)
            yield sha256, known[sha256]
    others = [entry for entry in entries if entry.kind != OptOutKind.SHA256]
    if not others:
        return
    matcher = _Matcher(others)
    rows = Image.objects.order_by("pk").values_list("sha256", "source_url", "page_url", "phash")
    for sha256, source_url, page_url, phash in rows.iterator(chunk_size=2000):
        owner = matcher.owner(source_url, page_url, phash) if sha256 not in seen else None
        if owner is not None:
            seen.add(sha256)
            yield sha256, owner


class _Matcher:
    """Says of an image which of some entries names it."""

    def __init__(self, entries: Sequence[OptOut]) -> None:
        self.domains = {entry.value: entry.pk for entry in entries if entry.kind == OptOutKind.DOMAIN}
        self.urls = {entry.value: entry.pk for entry in entries if entry.kind == OptOutKind.URL}
        self.looks = [entry for entry in entries if entry.kind == OptOutKind.LOOK_ALIKE]

    def owner(self, source_url: str, page_url: str, phash: int | None) -> int | None:
        """Return the id of the entry that names such an image; None where none does."""
        if self.domains or self.urls:
            for url in (source_url, page_url):
                found = self._of_url(url) if url else None
                if found is not None:
                    return found
        if phash is not None:
            return next((entry.pk for entry in self.looks if looks_like(entry, phash)), None)
        return None

    def _of_url(self, url: str) -> int | None:
        try:
            prepared, host = prepare_url(url)
        except BadUrlError:  # A local file.
            return None
        name = host.rstrip(".")
        while name and self.domains:
            if name in self.domains:
                return self.domains[name]
            name = name.partition(".")[2]
        return self.urls.get(canonical(prepared)) if self.urls else None


def _remove(causes: dict[str, int]) -> int:
    """Remove the images of these files whose chunks are at rest, and move their counts; return how many."""
    chunk_ids = set(Image.objects.filter(sha256__in=causes).values_list("chunk_id", flat=True))
    chunks = {chunk.pk: chunk for chunk in Chunk.objects.filter(pk__in=chunk_ids)}
    # The lock order: tasks by their ids, images, jobs.
    tasks = {
        task.pk: task
        for task in Task.objects.filter(pk__in={chunk.task_id for chunk in chunks.values()}, status__in=TERMINAL)
        .order_by("id")
        .select_for_update(no_key=True, of=("self",))
    }
    resting = [pk for pk, chunk in chunks.items() if chunk.task_id in tasks]
    images = list(Image.objects.select_for_update().filter(sha256__in=causes, chunk_id__in=resting).order_by("pk"))
    if not images:
        return 0
    now = timezone.now()
    FetchFailure.objects.bulk_create(
        [
            failure_row(
                chunks[image.chunk_id],
                image.rank,
                Candidate(image.source_url, **{name: getattr(image, name) for name in FACTS}),
                str(Outcome.OPTED_OUT),
                f"removed for the sake of opt-out {causes[image.sha256]}",
                now,
            )
            for image in images
        ],
        ignore_conflicts=True,
    )
    Image.objects.filter(pk__in=[image.pk for image in images]).delete()
    _count(images, {image.chunk_id: tasks[chunks[image.chunk_id].task_id] for image in images})
    for entry_id, number in Counter(causes[image.sha256] for image in images).items():
        OptOut.objects.filter(pk=entry_id).update(removed_images=F("removed_images") + number)
    per_job = Counter(image.job_id for image in images)
    facts = {"entries": sorted(set(causes.values())), "images": dict(sorted(per_job.items()))}
    audit("opt_out.images_removed", object_type="jobs.optout", object_id=min(causes.values()), detail=facts)
    return len(images)


def _count(images: Sequence[Image], tasks: dict[int, Task]) -> None:
    """Move the counts of chunks, which their tasks hold, and with them those of the jobs."""
    per_task: Counter[int] = Counter(tasks[image.chunk_id].pk for image in images)
    by_id = {task.pk: task for task in tasks.values()}
    for task_id, number in sorted(per_task.items()):
        task, by = by_id[task_id], _move(number)
        state = task.state
        if state and "counts" in state:
            state = {**state, "counts": moved(state["counts"], by)}
        Task.objects.filter(pk=task_id).update(
            progress=moved(task.progress or {}, by),
            result=moved(task.result, by) if task.result and "outcomes" in task.result else task.result,
            state=state,
            updated_at=Now(),
        )
    forget_after_commit(task.public_id for task in by_id.values())
    per_job: Counter[int] = Counter(image.job_id for image in images)
    move_counts({job_id: [_move(number)] for job_id, number in per_job.items()}, 1)
    judged: Counter[tuple[int, bool | None]] = Counter((image.job_id, image.is_valid) for image in images)
    held: Counter[int] = Counter(image.job_id for image in images if image.quarantine)
    for job_id in sorted(per_job):
        CrawlJob.objects.filter(pk=job_id).update(
            valid_images=F("valid_images") - judged[job_id, True],
            invalid_images=F("invalid_images") - judged[job_id, False],
            quarantined_images=F("quarantined_images") - held[job_id],
        )


def _move(number: int) -> dict[str, Any]:
    return {"images": -number, "outcomes": {str(Outcome.STORED): -number, str(Outcome.OPTED_OUT): number}}
