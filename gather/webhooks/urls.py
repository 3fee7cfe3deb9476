"""Routes of the progress webhook: the documented one, and the same below ``/api/v1`` (CONTRACT G26, X51)."""

from __future__ import annotations

from django.urls import path

from .views import ProgressAliasView, ProgressView

urlpatterns = [
    path("api/webhooks/automated-gather-progress", ProgressView.as_view(), name="gather-progress-webhook"),
    path("api/v1/webhooks/automated-gather-progress", ProgressAliasView.as_view(), name="gather-progress-webhook-v1"),
]
