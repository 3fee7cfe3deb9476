"""Ways from page to page, and from a task to its gather run."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.safestring import SafeString

import jobs.console.task_links  # noqa: F401 -- registers its links before ours
from gather.models import GatherRun
from gather.params import TYPE_NAME
from pixtasks.common.markup import link
from tasktypes.console.links import Link, register_links
from tasktypes.models import Task


def row_link(model: type[Model], text: object, *args: object, **filters: object) -> SafeString:
    """Return a link to a row's page, or to the list of the rows that match."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{'change' if args else 'changelist'}"
    query = f"?{urlencode(filters)}" if filters else ""
    return link(reverse(name, args=args) + query, text)


@register_links
def run_of(task: Task) -> Iterator[Link]:
    """Yield the gather run that a task is; its job is found by the task's group."""
    if task.type_name != TYPE_NAME:
        return
    run = GatherRun.objects.select_related("project").filter(task=task).first()
    if run is not None:
        yield Link(
            "Gather run", f"{run} of {run.project.name}", reverse("admin:gather_gatherrun_change", args=[run.pk])
        )
