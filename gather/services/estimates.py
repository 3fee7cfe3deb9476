"""How long a gather will take (CONTRACT G11, X53)."""

from __future__ import annotations

from statistics import median
from typing import Final

from gather.models import GatherRecord

SECONDS_PER_ITERATION: Final = 30
_RECENT: Final = 200


def estimated_duration(project_id: int | None, gather_count: int) -> int:
    """Return the whole seconds that so many iterations are going to take.

    Args:
        project_id: of the project; its latest iterations tell the pace, 30 seconds each until there are any.
        gather_count: iterations.
    """
    seconds = (
        list(
            GatherRecord.objects.filter(run__project_id=project_id)
            .order_by("-pk")
            .values_list("seconds", flat=True)[:_RECENT]
        )
        if project_id is not None
        else []
    )
    if not seconds:
        return SECONDS_PER_ITERATION * gather_count
    return max(1, round(median(seconds) * gather_count))
