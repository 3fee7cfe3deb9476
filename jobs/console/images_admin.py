"""Lists of images, verdicts and issues; an image's page and the contact sheet are :mod:`jobs.console.gallery`."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from jobs.console.gallery import gallery_urls
from jobs.models import Decision, Image, Issue, QuarantineRelease, Verdict
from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.common.markup import badge, link, when

_LARGEST_ID = 2**63 - 1
_HEX = set("0123456789abcdef")


class ImageAdmin(ReadOnlyAdmin):
    """Stored images, newest first."""

    list_display = (
        "id", "picture", "job_link", "keyword", "engine", "format", "pixels", "verdict", "decided", "license",
        "held", "fetched",
    )  # fmt: skip
    list_display_links = ("id",)
    list_select_related = ("job",)
    search_fields = ("sha256",)
    search_help_text = "An id, or the beginning of a sha256 (six digits or more)"
    ordering = ("-id",)
    sortable_by = ("id",)
    actions_list = ("to_gallery",)
    list_fullwidth = True

    def get_urls(self) -> list[URLPattern]:
        """Put the gallery before the library's own pages."""
        return [*gallery_urls(self), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by what an index answers; anything else would read the whole table."""
        term = search_term.strip().lower()
        if not term:
            return queryset, False
        # Digits may be an id, and from six on the beginning of a sha256, too.
        found = Q()
        if term.isascii() and term.isdigit() and int(term) <= _LARGEST_ID and len(term) < 20:
            found |= Q(pk=int(term))
        if 6 <= len(term) <= 64 and set(term) <= _HEX:
            found |= Q(sha256__startswith=term)
        return queryset.filter(found) if found else queryset.none(), False

    @action(description="Gallery", url_path="to-gallery", icon="photo_library")
    def to_gallery(self, request: HttpRequest) -> HttpResponse:
        """Go to the contact sheet."""
        return redirect("admin:jobs_image_gallery")

    @display(description="Picture")
    def picture(self, obj: Image) -> SafeString:
        """Return a thumbnail."""
        return format_html(
            '<img src="{}" alt="" width="48" height="48" loading="lazy" decoding="async" '
            'style="object-fit:cover;border-radius:6px;width:48px;height:48px">',
            reverse("image-thumb", args=[obj.pk]),
        )

    @display(description="Job", ordering="job")
    def job_link(self, obj: Image) -> SafeString:
        """Return a link to the job."""
        return link(reverse("admin:jobs_crawljob_change", args=[obj.job_id]), obj.job)

    @display(description="Pixels")
    def pixels(self, obj: Image) -> str:
        """Return width and height."""
        return f"{obj.width} × {obj.height}" if obj.width and obj.height else "–"

    @display(description="Verdict")
    def verdict(self, obj: Image) -> SafeString:
        """Return what all levels add up to."""
        return badge("not checked" if obj.is_valid is None else "valid" if obj.is_valid else "invalid")

    @display(description="Decision", empty_value="–")
    def decided(self, obj: Image) -> str | None:
        """Return the latest decision, with the new label."""
        return f"{obj.decision}: {obj.label}" if obj.label else obj.decision or None

    @display(description="Quarantine", empty_value="–")
    def held(self, obj: Image) -> str | None:
        """Return why it is in quarantine."""
        return obj.quarantine.replace("_", " ") or None

    @display(description="Fetched", ordering="fetched_at")
    def fetched(self, obj: Image) -> SafeString:
        """Return when it was fetched."""
        return when(obj.fetched_at)


class _OfImages(ReadOnlyAdmin):
    """Rows about images, found by the image's id."""

    list_select_related: tuple[str, ...] = ("image",)
    search_fields = ("image",)
    search_help_text = "The id of an image"
    ordering = ("-id",)
    sortable_by = ("id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the rows of one image."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) < 19:
            return queryset.filter(image_id=int(term)), False
        return queryset.none(), False

    @display(description="Image")
    def image_link(self, obj: Any) -> SafeString:
        """Return a link to the image's page."""
        return link(reverse("admin:jobs_image_change", args=[obj.image_id]), obj.image)


class VerdictAdmin(_OfImages):
    """What a level says of an image."""

    list_display = ("id", "image_link", "level", "verdict", "judged")

    @display(description="Verdict")
    def verdict(self, obj: Verdict) -> SafeString:
        """Return the word."""
        return badge("valid" if obj.is_valid else "invalid")

    @display(description="Judged")
    def judged(self, obj: Verdict) -> SafeString:
        """Return when."""
        return when(obj.created_at)


class IssueAdmin(_OfImages):
    """What a verdict names."""

    list_display = ("id", "image_link", "kind", "level")
    list_select_related = ("image", "verdict")

    @display(description="Level")
    def level(self, obj: Issue) -> str:
        """Return who found it."""
        return obj.verdict.level


class DecisionAdmin(_OfImages):
    """What people decided about images, and what they took back."""

    list_display = ("id", "image_link", "kind", "label", "by", "made", "undone")
    list_select_related = ("image", "by")

    @display(description="Made")
    def made(self, obj: Decision) -> SafeString:
        """Return when."""
        return when(obj.created_at)

    @display(description="Undone")
    def undone(self, obj: Decision) -> SafeString:
        """Return when it was taken back."""
        return when(obj.undone_at)


class ReleaseAdmin(_OfImages):
    """Images that people let out of quarantine, and what they took back."""

    list_display = ("id", "image_link", "what", "reason", "by", "made", "undone")
    list_select_related = ("image", "by")

    @display(description="Let out of")
    def what(self, obj: QuarantineRelease) -> str:
        """Return the reason for the quarantine."""
        return obj.quarantine.replace("_", " ")

    @display(description="Made")
    def made(self, obj: QuarantineRelease) -> SafeString:
        """Return when."""
        return when(obj.created_at)

    @display(description="Undone")
    def undone(self, obj: QuarantineRelease) -> SafeString:
        """Return when it was taken back."""
        return when(obj.undone_at)
