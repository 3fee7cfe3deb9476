"""Registers the console pages of gathering; they are in :mod:`gather.console`."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from unfold.decorators import action

from gather.console.rows import GatherRecordAdmin, GatherSourceAdmin, ReceivedEventAdmin
from gather.console.runs import GatherRunAdmin
from gather.console.schedules import FORM
from gather.models import GatherRecord, GatherRun, GatherSource, ReceivedEvent
from jobs.admin import ProjectAdmin
from jobs.models import Project

admin.site.register(GatherRun, GatherRunAdmin)
admin.site.register(GatherRecord, GatherRecordAdmin)
admin.site.register(GatherSource, GatherSourceAdmin)
admin.site.register(ReceivedEvent, ReceivedEventAdmin)
admin.site.unregister(Project)


@admin.register(Project)
class GatheringProjectAdmin(ProjectAdmin):
    """Projects, with the way to their schedule: jobs know nothing of gathering."""

    actions_row = (*ProjectAdmin.actions_row, "schedule_gather")
    actions_detail = (*ProjectAdmin.actions_detail, "schedule_gather")

    @action(description="Schedule gather…", url_path="schedule-gather", icon="schedule", permissions=["operate"])
    def schedule_gather(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        """Go to the form, this project filled in."""
        project = get_object_or_404(Project, pk=object_id)
        return redirect(f"{reverse(FORM)}?{urlencode({'project': project.slug})}")
