"""What each keyword template of a job brought."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from jobs.models import Chunk, CrawlJob, Image
from jobs.services.chunks import shared_figures
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.failures import failed_classes


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateYield:
    """What one template brought, over all keywords and engines.

    Attributes:
        chunks: keywords × engines.
        asked: new images that they were asked for.
        found: candidates whose fate is known; stored, duplicates and failed are what became of them.
        valid: images that no level of validation objects to; unchecked ones are not among them.
    """

    template: str
    chunks: int
    asked: int
    found: int
    stored: int
    duplicates: int
    failed: int
    valid: int


def template_yields(job: CrawlJob) -> list[TemplateYield]:
    """Return what each template of a job has brought so far, in the order of the job's templates.

    Two queries; for the chunks of a gather run, whose task is one for all, two more.
    """
    rows = list(
        Chunk.objects.filter(job=job).values_list("pk", "template", "target", "task__type_name", "task__progress")
    )
    shared = shared_figures([pk for pk, _, _, type_name, _ in rows if type_name != DOWNLOAD])
    totals: dict[str, Counter[str]] = {template: Counter() for template in job.keyword_templates}
    for pk, template, target, _, progress in rows:
        figures: dict[str, Any] = shared.get(pk) or progress or {}
        outcomes: dict[str, int] = figures.get("outcomes", {})
        totals.setdefault(template, Counter()).update(
            moved=0 if target is None else target - job.max_images,
            found=sum(outcomes.values()),
            stored=figures.get("images", 0),
            duplicates=figures.get("duplicates", 0),
            failed=sum(failed_classes(outcomes).values()),
        )
    valid = Image.objects.filter(job=job, is_valid=True).order_by().values_list("chunk__template")
    for template, number in valid.annotate(number=Count("pk")):
        totals.setdefault(template, Counter())["valid"] = number
    chunks = len(job.keywords) * len(job.engines)
    return [
        TemplateYield(
            template=template,
            chunks=chunks,
            asked=chunks * job.max_images + counts["moved"],
            found=counts["found"],
            stored=counts["stored"],
            duplicates=counts["duplicates"],
            failed=counts["failed"],
            valid=counts["valid"],
        )
        for template, counts in totals.items()
    ]
