"""Taking a job's images away: the list as CSV or JSON lines, the files as an archive, and who must be named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from jobs.models import Image
from jobs.services import licenses, manifest
from jobs.services.dataset import images_of
from pixtasks.common.streaming import streamed
from pixtasks.web.pages import Page, own_job, user_of

_FORMS: Final[dict[str, tuple[Callable[[QuerySet[Image]], Iterator[bytes]], str]]] = {
    "csv": (manifest.as_csv, manifest.CSV_TYPE),
    "jsonl": (manifest.as_jsonl, manifest.JSONL_TYPE),
    "zip": (manifest.as_zip, manifest.ZIP_TYPE),
    "txt": (licenses.as_attribution, licenses.TEXT_TYPE),
}


class ExportJob(Page):
    """A download."""

    def get(self, request: HttpRequest, job_id: int, form: str) -> HttpResponseBase:
        """Return it while it is being made."""
        job = own_job(user_of(request), job_id)
        if form not in _FORMS:
            raise Http404
        write, content_type = _FORMS[form]
        name = f"job-{job.pk}-ATTRIBUTION.txt" if form == "txt" else f"job-{job.pk}.{form}"
        return streamed(request, write(images_of(job)), content_type=content_type, filename=name)
