"""Projects."""

from dataclasses import fields
from typing import Final

from django.conf import settings
from django.db import models

from jobs.licenses import LicensePolicy

POLICY_FIELDS: Final = tuple(field.name for field in fields(LicensePolicy))
"""The columns that make up a project's policy."""


class Project(models.Model):
    """A user's dataset in the making: what its jobs belong to."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, unique=True)
    description = models.TextField(blank=True, default="")
    require_commercial_use = models.BooleanField(
        default=False, db_default=False, help_text="Quarantine pictures whose licence forbids commercial use."
    )
    require_derivatives = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Quarantine pictures whose licence forbids to share changed versions.",
    )
    allow_share_alike = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Keep pictures whose changed versions must come under the same licence.",
    )
    allow_unknown_license = models.BooleanField(
        default=True, db_default=True, help_text="Keep pictures without a licence, or with one that nobody knows."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name

    @property
    def license_policy(self) -> LicensePolicy:
        """What the licences of its pictures must permit."""
        return LicensePolicy(**{name: getattr(self, name) for name in POLICY_FIELDS})
