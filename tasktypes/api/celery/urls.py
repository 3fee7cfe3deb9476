"""Routes below ``/api/celery/``; words come before ids (CONTRACT X44)."""

from __future__ import annotations

from django.urls import path

from .history import HistoryView
from .launch import LaunchView, RetryView
from .stats import StatsView
from .status import TaskView
from .tasks import TasksView

urlpatterns = [
    path("tasks", TasksView.as_view(), name="celery-tasks"),
    path("tasks/launch", LaunchView.as_view(), name="celery-launch"),
    path("tasks/history", HistoryView.as_view(), name="celery-history"),
    path("tasks/<str:task_id>", TaskView.as_view(), name="celery-task"),
    path("tasks/<str:task_id>/retry", RetryView.as_view(), name="celery-retry"),
    path("stats", StatsView.as_view(), name="celery-stats"),
]
