"""Acting on the jobs that were ticked: it names them, asks, and then does it to one after the other."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from jobs.console.filters import whole
from jobs.console.verbs import WORDS, Verb, act
from jobs.models import CrawlJob, Level
from pixtasks.accounts.console.pages import CONFIRMED, actor_of, confirmed, page
from pixtasks.common.errors import PixtasksError
from pixtasks.common.screen import counted

_MOST: Final = 100


def ask_for_some(
    model_admin: ModelAdmin, request: HttpRequest, queryset: QuerySet[CrawlJob], verb: Verb
) -> HttpResponse:
    """Ask, then do something to the jobs that were ticked; a job whose state does not allow it is left alone."""
    ids = [pk for text in request.POST.getlist(ACTION_CHECKBOX_NAME)[:_MOST] if (pk := whole(text)) is not None]
    jobs = list(CrawlJob.objects.with_group().filter(pk__in=ids).order_by("-pk"))
    words = WORDS[verb]
    back = f"{reverse('admin:jobs_crawljob_changelist')}?{request.GET.urlencode()}"
    chosen = request.POST.get("level", Level.MEDIUM.value)
    level = Level(chosen) if chosen in Level.values else Level.MEDIUM
    if confirmed(request):
        for job in jobs:
            try:
                messages.success(request, f"{job.name}: {act(verb, job, level=level, who=actor_of(request))}.")
            except PixtasksError as error:
                messages.warning(request, f"{job.name}: {error.message}")
        return redirect(back)
    context = {
        "action": request.POST.get("action", ""),
        "button": words.button,
        "text": words.text,
        "rows": [(job, job.status in words.states) for job in jobs],
        "possible": sum(job.status in words.states for job in jobs),
        "levels": Level.choices if verb == Verb.VALIDATE else (),
        "level": level.value,
        "dangerous": verb == Verb.CANCEL,
        "back": back,
        "confirm_field": CONFIRMED,
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return page(model_admin, request, "jobs/console/some.html", f"{words.button} {counted(len(jobs), 'job')}", context)
