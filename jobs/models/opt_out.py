"""What somebody wants left alone: a site, an address, a file, or everything that looks like a picture."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class OptOutKind(models.TextChoices):
    """What an entry names."""

    DOMAIN = "domain", "Domain and all below it"
    URL = "url", "Address of an image or of its page"
    SHA256 = "sha256", "File, by its sha256"
    LOOK_ALIKE = "look_alike", "Look-alikes of a picture"


class OptOut(models.Model):
    """One entry of the opt-out list: it is not fetched, and what was stored of it is removed."""

    kind = models.CharField(max_length=10, choices=OptOutKind.choices)
    value = models.TextField(help_text="Domain, address, sha256, or perceptual hash (16 hexadecimal digits).")
    mark = models.CharField(max_length=64, editable=False, help_text="The sha256 itself, else that of the value.")
    distance = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of look-alikes: differing bits.")
    reason = models.CharField(max_length=1000, blank=True)
    cause = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="files",
        help_text="The entry for whose sake this file was removed.",
    )
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    removed_images = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How many stored images were removed for its sake."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "opt-out"
        ordering = ("-id",)
        indexes = [models.Index(name="opt_out_page", fields=["kind", "id"])]
        constraints = [models.UniqueConstraint(name="opt_out_once", fields=["kind", "mark"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.value[:100]}"
