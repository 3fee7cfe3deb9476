"""Engines: which can be used here, how each is, and the operator's way to pause one."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from jobs.models import EngineState
from jobs.services.engine_list import EngineFacts, engine_list, engine_named
from jobs.services.engine_state import Condition, pause_engine, resume_engine
from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.accounts.console.pages import actor_of, ask, confirmed, page
from pixtasks.common.errors import NotFound
from tasktypes.console.schema import read_schema

LIST: Final = "admin:jobs_enginestate_changelist"
PAGE: Final = "admin:jobs_enginestate_change"
COLOURS: Final = {
    Condition.CLOSED: "success",
    Condition.OPEN: "danger",
    Condition.HALF_OPEN: "warning",
    Condition.PAUSED: "warning",
}
_PAUSE: Final = (
    "No worker asks it until it is resumed. Chunks that run at it stop at their next page and go on from there later; "
    "waiting ones are not started. Nothing fails."
)
_RESUME: Final = (
    "It may be asked at once: the pause that somebody set, the pause that the source asked for, and the count of "
    "failures end together."
)


class EngineStateAdmin(ReadOnlyAdmin):
    """Engines; the list shows all that are installed, whether or not a row remembers anything of them."""

    fields = ("name",)

    def get_urls(self) -> list[URLPattern]:
        """Add the two actions."""
        view = self.admin_site.admin_view
        return [
            path("<str:name>/pause/", view(self._pause), name="jobs_enginestate_pause"),
            path("<str:name>/resume/", view(self._resume), name="jobs_enginestate_resume"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show all engines."""
        self._check(request)
        engines = [{"facts": one, "colour": COLOURS[one.standing.condition]} for one in engine_list()]
        return page(self, request, "jobs/console/engines.html", "Engines", {"engines": engines})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one engine, also one of which only a row is left."""
        self._check(request)
        try:
            facts: EngineFacts | None = engine_named(object_id)
        except NotFound:
            facts = None
        row = facts.row if facts is not None else EngineState.objects.filter(pk=object_id).first()
        if facts is None and row is None:
            raise Http404
        reading = read_schema(facts.options) if facts is not None and facts.options else None
        context = {
            "name": object_id,
            "facts": facts,
            "row": row,
            "colour": COLOURS[facts.standing.condition] if facts is not None else "default",
            "options": reading.inputs if reading is not None else [],
            "may_operate": self.has_operate_permission(request) and facts is not None and bool(facts.backend),
            "back": reverse(LIST),
        }
        return page(self, request, "jobs/console/engine.html", object_id, context)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _backend(self, request: HttpRequest, name: str) -> str:
        if not self.has_operate_permission(request):
            raise PermissionDenied
        try:
            backend = engine_named(name).backend
        except NotFound as error:
            raise Http404 from error
        if not backend:
            raise Http404
        return backend

    def _pause(self, request: HttpRequest, name: str) -> HttpResponse:
        backend = self._backend(request, name)
        back = reverse(PAGE, args=[name])
        if confirmed(request):
            pause_engine(backend, **actor_of(request))
            messages.success(request, f"{backend} is paused.")
            return redirect(back)
        return ask(self, request, title=f"Pause {backend}", text=_PAUSE, button="Pause", back=back, dangerous=True)

    def _resume(self, request: HttpRequest, name: str) -> HttpResponse:
        backend = self._backend(request, name)
        back = reverse(PAGE, args=[name])
        if confirmed(request):
            resume_engine(backend, **actor_of(request))
            messages.success(request, f"{backend} may be asked.")
            return redirect(back)
        return ask(self, request, title=f"Resume {backend}", text=_RESUME, button="Resume", back=back)
