"""What browsers are shown when something is refused, and the icon that they ask for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_safe


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that a form came from nowhere, or too late, and what to do (Django's ``CSRF_FAILURE_VIEW``).

    Args:
        reason: Django's own; it is in the log and helps only whoever forges a request.
    """
    return render(request, "403_csrf.html", status=403)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead to the icon; browsers ask for this address whatever the page says."""
    return redirect(static("pixtasks/favicon.ico"), permanent=False)
