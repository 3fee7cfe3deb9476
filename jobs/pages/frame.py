"""What differs between the two places that show the gallery: addresses, the frame around a page, and who may act."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from jobs.models import CrawlJob, Image
from jobs.services.decisions import may_decide
from jobs.services.gallery import Scope, Wanted, scope_of, wanted_of
from pixtasks.accounts.models import User
from pixtasks.common.errors import FieldError, InvalidInput, PixtasksError
from pixtasks.common.throttles import caller_address

_MOST_BYTES: Final = 200_000
Show = Callable[[HttpRequest, str, str, Mapping[str, Any]], HttpResponse]


@dataclass(frozen=True, slots=True)
class Frame:
    """One place that shows the gallery.

    Attributes:
        own: whether staff, too, see their own images here.
        base: the template that a page extends.
        names: names of the routes: gallery, tiles, decide, undo, image, release, thresholds, preview, job.
        show: makes a page: request, template, title, context.
    """

    own: bool
    base: str
    names: Mapping[str, str]
    show: Show

    def url(self, name: str, *args: Any, **query: Any) -> str:
        """Return the address of a route."""
        asked = {key: value for key, value in query.items() if value not in (None, "")}
        return reverse(self.names[name], args=args) + (f"?{urlencode(asked)}" if asked else "")

    def addresses(self) -> dict[str, str]:
        """Return the addresses that take nothing."""
        return {name: self.url(name) for name in ("gallery", "tiles", "decide", "undo", "thresholds", "preview")}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks the gallery for."""

    scope: Scope
    wanted: Wanted
    before: int | None

    @property
    def query(self) -> dict[str, Any]:
        """The query string that asks for the same from its beginning."""
        place: dict[str, Any] = {}
        if self.scope.job is not None:
            place["job"] = self.scope.job.pk
        elif self.scope.project is not None:
            place["project"] = self.scope.project.pk
        return place | self.wanted.named


@dataclass(frozen=True, slots=True)
class Tile:
    """One image of the contact sheet."""

    image: Image
    url: str
    thumb: str
    issues: list[str]
    distance: int | None = None

    @property
    def shown(self) -> str:
        """What the image is called: its new label, else its keyword."""
        return self.image.label or self.image.keyword


def user_of(request: HttpRequest) -> User:
    """Return the signed-in user; the routes ask for one."""
    assert isinstance(request.user, User)
    return request.user


def asked(request: HttpRequest, frame: Frame) -> Asked:
    """Return what a request asks for.

    Raises:
        NotFound, AccessDenied: it names a job or project that this user cannot see.
    """
    values = request.GET.dict()
    scope = scope_of(
        user_of(request), job_id=number(values.get("job")), project_id=number(values.get("project")), own=frame.own
    )
    return Asked(scope, wanted_of({key: str(value) for key, value in values.items()}), number(values.get("before")))


def number(text: object) -> int | None:
    """Return a positive number of an address, None for anything else."""
    word = str(text or "")
    return int(word) if word.isascii() and word.isdigit() and len(word) < 19 else None


def tile_of(frame: Frame, image: Image, query: Mapping[str, Any], distance: int | None = None) -> Tile:
    """Return an image of the sheet; its issues must have been fetched along."""
    kinds = sorted({issue.kind for issue in image.issues.all()})
    return Tile(image, frame.url("image", image.pk, **query), thumb_url(image), kinds, distance)


def thumb_url(image: Image, size: str = "") -> str:
    """Return the address of a thumbnail."""
    return reverse("image-thumb", args=[image.pk]) + (f"?size={size}" if size else "")


def can_decide(request: HttpRequest, job: CrawlJob | None, frame: Frame) -> bool:
    """Whether the buttons of decisions are offered."""
    user = user_of(request)
    return may_decide(user, job.project.owner_id if job is not None else user.pk if frame.own else -1)


def json_body(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that a script of the gallery sent.

    Raises:
        InvalidInput: it is none, or too long.
    """
    try:
        if len(request.body) > _MOST_BYTES:
            raise ValueError
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(FieldError(("body",), "must be a JSON object"))
    return found


def answered(do: Callable[[], Mapping[str, Any]]) -> JsonResponse:
    """Return what is done as JSON, or why it was refused."""
    try:
        return JsonResponse(dict(do()))
    except PixtasksError as error:
        return JsonResponse({"detail": error.message}, status=error.status)


def actor_of(request: HttpRequest) -> dict[str, Any]:
    """Return who asks, and from where, for the services that change something."""
    return {"actor": user_of(request), "address": caller_address(request)}
