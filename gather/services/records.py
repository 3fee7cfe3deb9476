"""What the iterations of a run left (CONTRACT G24)."""

from __future__ import annotations

import re
from typing import Final

from django.db.models import QuerySet

from gather.models import GatherRecord, GatherRun
from jobs.models import Image
from pixtasks.common.errors import NotFound

_DATA_ID: Final = re.compile(r"gather-([0-9]{3,5})", re.ASCII)


def records_of(run: GatherRun) -> QuerySet[GatherRecord]:
    """Return the saved records of a run, the first iteration first."""
    return run.records.order_by("iteration")


def record_of(run: GatherRun, data_id: str) -> GatherRecord:
    """Return one record of a run by the id that users see, ``gather-001``.

    Raises:
        NotFound: the run has no such record, or not yet.
    """
    match = _DATA_ID.fullmatch(data_id)
    record = run.records.filter(iteration=int(match[1])).first() if match else None
    if record is None or record.data_id != data_id:
        raise NotFound("Gather data not found")
    return record


def images_of(record: GatherRecord) -> QuerySet[Image]:
    """Return the images that an iteration stored, in the order in which it did."""
    if record.first_image_id is None or record.last_image_id is None:
        return Image.objects.none()
    return Image.objects.filter(
        job_id=record.run.job_id, pk__gte=record.first_image_id, pk__lte=record.last_image_id
    ).order_by("pk")
