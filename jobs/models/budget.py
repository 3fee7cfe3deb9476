"""Budget that moved between the chunks of a job."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class BudgetMove(models.Model):
    """So many images that one chunk was asked for and could not bring are asked of another one; rows never change."""

    job = models.ForeignKey("jobs.CrawlJob", on_delete=models.CASCADE, related_name="budget_moves", db_index=False)
    giver = models.ForeignKey("jobs.Chunk", on_delete=models.CASCADE, related_name="budget_given")
    taker = models.ForeignKey("jobs.Chunk", on_delete=models.CASCADE, related_name="budget_taken")
    images = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(name="budget_move_of_job", fields=["job", "created_at"])]
        constraints = [models.CheckConstraint(name="budget_move_of_images", condition=Q(images__gte=1))]

    def __str__(self) -> str:
        return f"{self.images} from chunk {self.giver_id} to chunk {self.taker_id}"
