"""Routes of API keys, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from .keys import KeysView, KeyView

urlpatterns = [
    path("api-keys", KeysView.as_view(), name="api-keys"),
    path("api-keys/<int:key_id>", KeyView.as_view(), name="api-key"),
]
