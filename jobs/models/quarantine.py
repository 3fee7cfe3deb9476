"""Images that people let out of quarantine."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class QuarantineRelease(models.Model):
    """One image let out by hand, against the policy; only ever inserted, and at most marked as undone.

    While one stands, no policy puts its image back.
    """

    image = models.ForeignKey("jobs.Image", on_delete=models.CASCADE, related_name="releases", db_index=False)
    quarantine = models.CharField(max_length=30, help_text="What it was let out of.")
    reason = models.CharField(max_length=500, help_text="Why, in the words of whoever did it.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(name="release_of_image", fields=["image", "id"])]
        constraints = [
            models.UniqueConstraint(
                name="release_stands_once_per_image", fields=["image"], condition=Q(undone_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.quarantine} of image {self.image_id}"
