"""Fleet-wide rate limits: an exact sliding log per key (CONTRACT X18)."""

from django.db import models


class Bucket(models.Model):
    """One rate key. Its row is the lock; its limit is a setting."""

    key = models.CharField(max_length=200, primary_key=True)
    next_at = models.DateTimeField(null=True, blank=True, help_text="No start before this time.")
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="Nothing may start before, whatever the starts that count say."
    )

    def __str__(self) -> str:
        return self.key


class BucketStart(models.Model):
    """One start under a rate key, kept while it counts."""

    bucket = models.ForeignKey(Bucket, on_delete=models.CASCADE, related_name="starts", db_index=False)
    started_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(name="bucket_newest_start", fields=["bucket", "-started_at", "-id"])]

    def __str__(self) -> str:
        return f"{self.bucket_id} {self.started_at}"
