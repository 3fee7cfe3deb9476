"""Routes below ``/api/``; each answers with and without its trailing slash (CONTRACT X08)."""

from __future__ import annotations

from django.urls import path

from .claims import ClaimView, CompleteView, FailView, HeartbeatView, RetryView
from .task_types import TaskTypesView, TaskTypeView
from .tasks import StatsView, TasksView, TaskView

urlpatterns = [
    path("task-types", TaskTypesView.as_view(), name="registry-types"),
    path("task-types/<int:task_type_id>", TaskTypeView.as_view(), name="registry-type"),
    path("tasks", TasksView.as_view(), name="registry-tasks"),
    path("tasks/stats", StatsView.as_view(), name="registry-stats"),
    path("tasks/claim", ClaimView.as_view(), name="registry-claim"),
    path("tasks/<int:task_id>", TaskView.as_view(), name="registry-task"),
    path("tasks/<int:task_id>/heartbeat", HeartbeatView.as_view(), name="registry-heartbeat"),
    path("tasks/<int:task_id>/complete", CompleteView.as_view(), name="registry-complete"),
    path("tasks/<int:task_id>/fail", FailView.as_view(), name="registry-fail"),
    path("tasks/<int:task_id>/retry", RetryView.as_view(), name="registry-retry"),
]
