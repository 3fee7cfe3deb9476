"""Routes at the root; each answers with and without its trailing slash (CONTRACT X03, X08, X44).

``/tasks/{task_id}`` and ``/tasks/{task_name}`` have one form: what is a whole number is an id.
"""

from __future__ import annotations

from django.urls import path

from .batch import BatchView
from .stats import StatsView
from .tasks import RetryView, SubmitView, TasksView, TaskView

urlpatterns = [
    path("tasks", TasksView.as_view(), name="database-tasks"),
    path("tasks/stats", StatsView.as_view(), name="database-task-stats"),
    path("tasks/<int:task_id>", TaskView.as_view(), name="database-task"),
    path("tasks/<str:task_name>", SubmitView.as_view(), name="database-task-submit"),
    path("tasks/<str:task_name>/batch", BatchView.as_view(), name="database-task-batch"),
    path("tasks/<str:task_id>/retry", RetryView.as_view(), name="database-task-retry"),
]
