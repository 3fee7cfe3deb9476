"""Task types that users declare; handlers live in code and need no row (CONTRACT X34)."""

from django.conf import settings
from django.db import models


class TaskType(models.Model):
    """A declaration that tasks of this name exist and what parameters they take; tied to no worker (CONTRACT R09)."""

    name = models.CharField(max_length=200, unique=True)
    description = models.TextField(blank=True, default="")
    parameters_schema = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "task_types"
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name
