"""The route of the events; WebSockets have no routes of Django's."""

from __future__ import annotations

from django.urls import path

from gather.realtime.view import EventsView

urlpatterns = [path("api/v1/events", EventsView.as_view(), name="events")]
