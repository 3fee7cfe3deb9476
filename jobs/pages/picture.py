"""One image: everything that is known of it, and its thumbnail."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import parse_etags
from django.views.decorators.http import require_POST, require_safe

from jobs.models import Verdict
from jobs.pages.frame import Frame, actor_of, asked, can_decide, thumb_url, tile_of, user_of
from jobs.services import decisions, gallery, releases, thumbnails
from jobs.services.access import image_for
from jobs.services.meanings import issue_meaning
from jobs.services.quarantine import SENTENCES
from pixtasks.common.errors import AccessDenied, NotFound, PixtasksError, Unavailable

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Type": thumbnails.THUMBNAIL_TYPE,
}
# What browsers draw themselves; the others are shown as a large thumbnail.
_DRAWN = frozenset(("jpeg", "png", "gif", "webp", "bmp", "avif"))
_LARGE_BYTES = 4_000_000
_UNITS = {"bytes": "bytes", "width": "px", "height": "px", "entropy": "bits", "near_duplicate_distance": "bits"}


@require_safe
def image_view(request: HttpRequest, frame: Frame, image_id: int) -> HttpResponse:
    """Show an image with all its facts, verdicts, look-alikes and decisions."""
    user = user_of(request)
    image = gallery.whole_image(user, image_for(user, image_id))
    found = asked(request, frame)
    newer, older = gallery.neighbours(found.scope, found.wanted, image)
    query = found.query
    drawn = image.format in _DRAWN and image.bytes <= _LARGE_BYTES
    context = {
        "frame": frame,
        "base_template": frame.base,
        "urls": frame.addresses(),
        "image": image,
        "job": image.job,
        "project": image.job.project,
        "job_url": frame.url("job", image.job_id),
        "picture": reverse("image-file", args=[image.pk]) if drawn else thumb_url(image, "large"),
        "file_url": reverse("image-file", args=[image.pk]),
        "reduced": not drawn,
        "newer": frame.url("image", newer, **query) if newer else "",
        "older": frame.url("image", older, **query) if older else "",
        "back": frame.url("gallery", **(query or {"job": image.job_id})),
        "tile": tile_of(frame, image, query),
        "verdicts": [_verdict(verdict, frame, query) for verdict in image.verdicts.all()],
        "alike": [tile_of(frame, one.image, query, one.distance) for one in gallery.look_alikes(image)],
        "history": decisions.history(image),
        "quarantine_sentence": SENTENCES.get(image.quarantine, ""),
        "releases": releases.releases_of(image),
        "release_url": frame.url("release", image.pk),
        "may_decide": can_decide(request, image.job, frame),
        "keywords": sorted(set(image.job.keywords))[:100],
    }
    return frame.show(request, "image", image.title[:80] or f"Image {image.pk}", context)


@require_POST
def release_view(request: HttpRequest, frame: Frame, image_id: int) -> HttpResponse:
    """Let an image out of quarantine for the reason that the form gives, or take that back; lead to its page."""
    image = image_for(user_of(request), image_id)
    try:
        if request.POST.get("undo"):
            releases.undo_release(image, **actor_of(request))
            messages.success(request, "Undone: the policy of the project counts again.")
        else:
            releases.release(image, reason=request.POST.get("reason", ""), **actor_of(request))
            messages.success(request, "It is out of quarantine.")
    except AccessDenied:
        raise
    except PixtasksError as error:
        messages.warning(request, error.message)
    return redirect(frame.url("image", image.pk))


@require_safe
def thumb(request: HttpRequest, image_id: int) -> HttpResponse:
    """Return a thumbnail to the image's owner or staff; ``size=large`` for the one of an image's page."""
    if not request.user.is_authenticated:
        raise Http404
    try:
        image = image_for(user_of(request), image_id)
    except (NotFound, AccessDenied) as error:
        raise Http404 from error
    size = "large" if request.GET.get("size") == "large" else "small"
    tag = f'"{thumbnails.tag(image, size)}"'
    headers = {**_SAFE, "Cache-Control": "private, max-age=31536000, immutable", "ETag": tag}
    if _known(request, tag):
        return HttpResponse(status=304, headers=headers)
    try:
        return HttpResponse(thumbnails.thumbnail(image, size), headers=headers)
    except (thumbnails.Unshowable, thumbnails.FileGone):
        # Not for ever: the file may be restored, or a newer decoder may read it.
        brief = {**_SAFE, "Cache-Control": "private, max-age=300", "X-Thumbnail": "placeholder"}
        return HttpResponse(thumbnails.placeholder(thumbnails.SIZES["small"]), headers=brief)
    except Unavailable as error:
        return HttpResponse(status=503, headers={"Retry-After": str(round(error.retry_after))})


def _known(request: HttpRequest, tag: str) -> bool:
    return tag in [one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))]


def _verdict(verdict: Verdict, frame: Frame, query: dict[str, Any]) -> dict[str, Any]:
    measurements = []
    for name, value in sorted(verdict.measurements.items()):
        url = ""
        if name == "near_duplicate_of" and isinstance(value, int):
            url = frame.url("image", value, **query)
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        measurements.append((name.replace("_", " "), shown, _UNITS.get(name, ""), url))
    return {
        "level": verdict.level,
        "is_valid": verdict.is_valid,
        "created_at": verdict.created_at,
        "issues": [(issue.kind.replace("_", " "), issue_meaning(issue.kind)) for issue in verdict.issues.all()],
        "measurements": measurements,
    }
