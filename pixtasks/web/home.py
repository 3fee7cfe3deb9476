"""The page at the root: a user's projects and running work, or where to go for somebody who is not signed in."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from pixtasks import __version__
from pixtasks.web.pages import Page, own_jobs, own_projects, show, user_of
from pixtasks.web.reading import job_rows, project_cards, running_rows
from tasktypes.services.inspect import live_workers

_CARDS = 6
_RECENT = 6


class Home(Page):
    """The first page."""

    open_to_all = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the user's work, or the way to it."""
        workers = live_workers()
        context = {
            "version": __version__,
            "profile": settings.PIXTASKS_PROFILE,
            "samples": settings.PIXTASKS_SAMPLES,
            "workers": len(workers),
            "slots": sum(worker.slots for worker in workers),
        }
        if not request.user.is_authenticated:
            return show(request, "web/welcome.html", context)
        user = user_of(request)
        projects = list(own_projects(user)[: _CARDS + 1])
        context |= {
            "cards": project_cards(projects[:_CARDS]),
            "more": len(projects) > _CARDS,
            "running": running_rows(user),
            "recent": job_rows(list(own_jobs(user).filter(group__settled_at__isnull=False)[:_RECENT])),
        }
        return show(request, "web/home.html", context)


class Now(Page):
    """The part of the home page that moves."""

    fragment = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the running jobs and those that ended last."""
        user = user_of(request)
        recent = job_rows(list(own_jobs(user).filter(group__settled_at__isnull=False)[:_RECENT]))
        return show(request, "web/fragments/home_now.html", {"running": running_rows(user), "recent": recent})
