"""Taking a job's list of images away."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, StreamingHttpResponse

from jobs.models import CrawlJob
from jobs.services.dataset import images_of
from jobs.services.licenses import TEXT_TYPE, as_attribution
from jobs.services.manifest import CSV_TYPE, JSONL_TYPE, as_csv, as_jsonl
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.streaming import streamed

KINDS: Final = (
    ("csv", "CSV, for spreadsheets"),
    ("jsonl", "JSON lines, for programs"),
    ("txt", "Attribution list: who must be named"),
)
_MAKERS: Final = {"csv": (as_csv, CSV_TYPE), "jsonl": (as_jsonl, JSONL_TYPE), "txt": (as_attribution, TEXT_TYPE)}


def note_export(job: CrawlJob, kind: str, *, actor: User, address: str) -> None:
    """Record that somebody takes a job's list away."""
    audit("crawl_job.exported", actor=actor, target=job, detail={"format": kind}, address=address)


def export_view(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> Any:
    """Answer the list, made while it is sent: however many images there are, it costs no memory."""
    job = CrawlJob.objects.filter(pk=pk).first()
    made = _MAKERS.get(request.GET.get("kind", "csv"))
    if job is None or made is None:
        raise Http404
    kind = request.GET.get("kind", "csv")
    make, content_type = made
    answer: StreamingHttpResponse = streamed(
        request, make(images_of(job)), content_type=content_type, filename=f"job-{job.pk}-images.{kind}"
    )
    return answer
