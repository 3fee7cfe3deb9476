"""Routes below ``/api/v1/automated-gather/``; each answers with and without its trailing slash (CONTRACT X08).

An id is any text without a slash: what no run has is TASK_NOT_FOUND, whatever it looks like (CONTRACT G12).
"""

from __future__ import annotations

from django.urls import path

from .actions import CancelView, RetryView
from .data import DataView, RecordView
from .runs import RunsView
from .start import StartView
from .status import StatusView

urlpatterns = [
    path("start", StartView.as_view(), name="gather-start"),
    path("runs", RunsView.as_view(), name="gather-runs"),
    path("status/<str:taskId>", StatusView.as_view(), name="gather-status"),
    path("cancel/<str:taskId>", CancelView.as_view(), name="gather-cancel"),
    path("retry/<str:taskId>", RetryView.as_view(), name="gather-retry"),
    path("data/<str:taskId>", DataView.as_view(), name="gather-data"),
    path("data/<str:taskId>/<str:gatherDataId>", RecordView.as_view(), name="gather-record"),
]
