"""A task's history."""

from django.db import models

from tasktypes.states import EventType


class TaskEvent(models.Model):
    """One line of a task's history; insert-only.

    ``seq`` comes from the UPDATE that holds the task's row, so it has no gaps and no ties within a task.
    """

    task = models.ForeignKey("tasktypes.Task", on_delete=models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=20, choices=EventType.choices)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="event_seq_per_task", fields=["task", "seq"])]

    def __str__(self) -> str:
        return f"{self.task_id}/{self.seq} {self.type}"
