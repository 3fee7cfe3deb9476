"""The page at the root: where to go from here."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pixtasks import __version__
from pixtasks.docs import CONTENT_POLICY
from tasktypes.services.inspect import live_workers


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Return links to the API's documents, the console and the health pages."""
    workers = live_workers()
    response = render(
        request,
        "home.html",
        {
            "version": __version__,
            "profile": settings.PIXTASKS_PROFILE,
            "samples": settings.PIXTASKS_SAMPLES,
            "workers": len(workers),
            "slots": sum(worker.slots for worker in workers),
        },
    )
    response["Content-Security-Policy"] = CONTENT_POLICY
    return response
