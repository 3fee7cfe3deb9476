"""The gallery in the console: the shared pages in its frame, for staff; who may not operate only looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path

from jobs.pages.frame import Frame
from jobs.pages.gallery import decide_view, gallery_view, tiles_view, undo_view
from jobs.pages.limits import preview_view, thresholds_view
from jobs.pages.picture import image_view, release_view
from pixtasks.accounts.console.pages import page
from pixtasks.common.errors import AccessDenied, NotFound

_NAME = "jobs_image_gallery"


def gallery_urls(model_admin: ModelAdmin) -> list[URLPattern]:
    """Return the routes below a model's pages; the contact sheet is ``admin:jobs_image_gallery``."""

    def show(request: HttpRequest, body: str, title: str, context: Mapping[str, Any]) -> HttpResponse:
        return page(model_admin, request, f"jobs/gallery/{body}.html", title, {**context, "is_fullwidth": True})

    frame = Frame(
        own=False,
        base="jobs/gallery/console_frame.html",
        names={
            "gallery": f"admin:{_NAME}",
            "tiles": f"admin:{_NAME}_tiles",
            "decide": f"admin:{_NAME}_decide",
            "undo": f"admin:{_NAME}_undo",
            "image": "admin:jobs_image_change",
            "release": f"admin:{_NAME}_release",
            "thresholds": f"admin:{_NAME}_thresholds",
            "preview": f"admin:{_NAME}_preview",
            "job": "admin:jobs_crawljob_change",
        },
        show=show,
    )

    def wrapped(answer: Callable[..., HttpResponse], *, acts: bool = False) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, **place: Any) -> HttpResponse:
            if not model_admin.has_view_permission(request):
                raise PermissionDenied
            if acts and not model_admin.has_operate_permission(request):  # type: ignore[attr-defined]
                return JsonResponse({"detail": "You may look at these images, and not decide about them."}, status=403)
            try:
                return answer(request, frame, **place)
            except (NotFound, AccessDenied) as error:
                raise Http404(error.message) from error

        return model_admin.admin_site.admin_view(view)

    return [
        path("gallery/", wrapped(gallery_view), name=_NAME),
        path("gallery/tiles/", wrapped(tiles_view), name=f"{_NAME}_tiles"),
        path("gallery/decide/", wrapped(decide_view, acts=True), name=f"{_NAME}_decide"),
        path("gallery/undo/", wrapped(undo_view, acts=True), name=f"{_NAME}_undo"),
        path("gallery/thresholds/", wrapped(thresholds_view), name=f"{_NAME}_thresholds"),
        path("gallery/thresholds/preview/", wrapped(preview_view), name=f"{_NAME}_preview"),
        path("<int:image_id>/release/", wrapped(release_view, acts=True), name=f"{_NAME}_release"),
        path("<int:image_id>/change/", wrapped(image_view), name="jobs_image_change"),
    ]
