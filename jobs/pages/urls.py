"""Routes of the gallery for people who are not in the console; ``pixtasks.urls`` includes them at the root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import path, reverse
from django.views import View

from jobs.pages.frame import Frame
from jobs.pages.gallery import decide_view, gallery_view, tiles_view, undo_view
from jobs.pages.limits import preview_view, thresholds_view
from jobs.pages.picture import image_view, release_view, thumb
from pixtasks.common.errors import AccessDenied, NotFound


def _show(request: HttpRequest, body: str, title: str, context: Mapping[str, Any]) -> HttpResponse:
    return render(request, f"jobs/gallery/{body}.html", {**context, "title": title})


FRAME: Final = Frame(
    own=True,
    base="jobs/gallery/web_frame.html",
    names={
        "gallery": "gallery",
        "tiles": "gallery-tiles",
        "decide": "gallery-decide",
        "undo": "gallery-undo",
        "image": "gallery-image",
        "release": "gallery-release",
        "thresholds": "gallery-thresholds",
        "preview": "gallery-preview",
        "job": "web:job",
    },
    show=_show,
)


class GalleryPage(View):
    """A page of the gallery: it asks for a sign-in, and tells nobody what is somebody else's."""

    answer: ClassVar[Callable[..., HttpResponseBase]]
    piece: ClassVar[bool] = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the request."""
        if not hasattr(self, (request.method or "").lower()) or request.method == "TRACE":
            return self.http_method_not_allowed(request, *args, **kwargs)
        if not request.user.is_authenticated and request.method != "OPTIONS":
            if self.piece:
                return HttpResponse(status=401)
            return redirect_to_login(request.get_full_path(), reverse("web:sign-in"))
        try:
            response = super().dispatch(request, *args, **kwargs)
        except (NotFound, AccessDenied) as error:
            raise Http404(error.message) from error
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class Seen(GalleryPage):
    """What is looked at."""

    def get(self, request: HttpRequest, **place: Any) -> HttpResponseBase:
        """Show it."""
        return type(self).answer(request, FRAME, **place)


class Done(GalleryPage):
    """What the gallery's script does."""

    piece = True

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Do it."""
        return type(self).answer(request, FRAME)


class Gallery(Seen):
    """The contact sheet."""

    answer = staticmethod(gallery_view)


class Tiles(Seen):
    """Its next page."""

    answer, piece = staticmethod(tiles_view), True


class Picture(Seen):
    """One image."""

    answer = staticmethod(image_view)


class Release(GalleryPage):
    """An image let out of quarantine, or back."""

    def post(self, request: HttpRequest, image_id: int) -> HttpResponseBase:
        """Do it."""
        return release_view(request, FRAME, image_id)


class Preview(Seen):
    """What other thresholds would change."""

    answer, piece = staticmethod(preview_view), True


class Thresholds(Seen):
    """The sliders."""

    answer = staticmethod(thresholds_view)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Ask, then judge again."""
        return thresholds_view(request, FRAME)


class Decide(Done):
    """Decisions."""

    answer = staticmethod(decide_view)


class Undo(Done):
    """Decisions taken back."""

    answer = staticmethod(undo_view)


class Thumb(GalleryPage):
    """A thumbnail."""

    piece = True

    def get(self, request: HttpRequest, image_id: int) -> HttpResponseBase:
        """Return it."""
        return thumb(request, image_id)


urlpatterns = [
    path("images", Gallery.as_view(), name="gallery"),
    path("images/tiles", Tiles.as_view(), name="gallery-tiles"),
    path("images/decide", Decide.as_view(), name="gallery-decide"),
    path("images/undo", Undo.as_view(), name="gallery-undo"),
    path("images/thresholds", Thresholds.as_view(), name="gallery-thresholds"),
    path("images/thresholds/preview", Preview.as_view(), name="gallery-preview"),
    path("images/<int:image_id>", Picture.as_view(), name="gallery-image"),
    path("images/<int:image_id>/release", Release.as_view(), name="gallery-release"),
    path("images/<int:image_id>/thumb", Thumb.as_view(), name="image-thumb"),
]
