"""How much was done when, and what went wrong at outside sources, without counting tasks or images."""

from django.db import models


class Measure(models.TextChoices):
    """What is counted."""

    COMPLETED = "completed", "Tasks completed"
    FAILED = "failed", "Tasks failed"
    CANCELLED = "cancelled", "Tasks cancelled"
    ANSWERED = "answered", "Attempts at which the source answered"
    ERRED = "erred", "Attempts at which the source failed"
    STORED = "stored", "Images stored"
    REFUSED = "refused", "Candidates that did not become an image"
    BYTES = "bytes", "Bytes of the images stored"


class Throughput(models.Model):
    """So much of a measure in one stretch of time.

    Insert-only like :class:`TallyDelta`, in the transaction that it tells of, so that nobody contends for a row and
    what is rolled back is not counted. The dispatcher folds the rows into one per minute, and later into one per
    quarter of an hour.
    """

    begins_at = models.DateTimeField(help_text="A full minute; a full quarter of an hour where span is 15.")
    span = models.PositiveSmallIntegerField(default=0, help_text="Minutes that were folded into it; 0 = not folded.")
    measure = models.CharField(max_length=10, choices=Measure.choices)
    source = models.CharField(
        max_length=200, blank=True, default="", help_text="Outside source, named as its rate key; empty for tasks."
    )
    amount = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "throughput"
        indexes = [models.Index(name="throughput_by_time", fields=["span", "begins_at"])]

    def __str__(self) -> str:
        return f"{self.begins_at:%Y-%m-%d %H:%M} {self.measure} {self.source} {self.amount}"


class SourceFault(models.Model):
    """An attempt at which an outside source failed; the newest of each source are kept."""

    source = models.CharField(max_length=200)
    message = models.CharField(max_length=500)
    task = models.ForeignKey(
        "tasktypes.Task",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,  # A note only: it neither holds up the deletion of a task nor makes it look here.
        db_index=False,
        related_name="+",
    )
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(name="fault_of_source", fields=["source", "id"])]

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"
