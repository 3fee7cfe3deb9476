"""The dashboard's addresses: the page is the console's index, its panels are asked for again one by one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from pixtasks.common.json import dump_json
from pixtasks.console.dashboard.panels import PANELS, Reading, facts, first_steps


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the console's index shows (``DASHBOARD_CALLBACK`` of unfold)."""
    panels = [panel for panel in PANELS.values() if panel.allowed(request.user)]
    steps = first_steps(request.user)
    reading = Reading(request.user)
    shown = [
        {"name": panel.name, "url": panel.url, "every": panel.every, "html": panel.html(request, reading)}
        for panel in panels
    ]
    return {**context, "title": "Dashboard", "panels": shown, "steps": steps}


@require_safe
def panel_view(request: HttpRequest, name: str) -> HttpResponse:
    """Return one panel as it is now."""
    panel = PANELS.get(name)
    if panel is None:
        raise Http404
    if not panel.allowed(request.user):
        raise PermissionDenied
    return HttpResponse(panel.html(request, Reading(request.user)))


@require_safe
def facts_view(request: HttpRequest) -> HttpResponse:
    """Return what the dashboard shows as JSON."""
    return HttpResponse(dump_json(facts(request.user)), content_type="application/json")


urlpatterns = [
    path("facts.json", admin.site.admin_view(facts_view), name="console_dashboard_facts"),
    path("<slug:name>/", admin.site.admin_view(panel_view), name="console_dashboard_panel"),
]
