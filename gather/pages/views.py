"""The live page: start a gather, watch every task of one's own move, cancel."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

# Its own scripts and styles, its own server and WebSocket, and nothing else.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@require_safe
@ensure_csrf_cookie
def live(request: HttpRequest) -> HttpResponse:
    """Show the page; where the anonymous API is off, ask for a sign-in first."""
    user = request.user
    if not user.is_authenticated and not settings.PIXTASKS_ANONYMOUS_API:
        return redirect_to_login(reverse("live"), resolve_url(settings.LOGIN_URL))
    response = render(request, "gather/live.html", {"who": str(user) if user.is_authenticated else "local"})
    response["Content-Security-Policy"] = CONTENT_POLICY
    response["Cache-Control"] = "no-store"
    return response
