"""Routes below ``/api/webhooks/``."""

from __future__ import annotations

from django.urls import path

from .views import DeliveriesView, DeliveryView, EndpointsView, EndpointView, RedeliverView, RotateView

urlpatterns = [
    path("endpoints", EndpointsView.as_view(), name="webhook-endpoints"),
    path("endpoints/<int:endpoint_id>", EndpointView.as_view(), name="webhook-endpoint"),
    path("endpoints/<int:endpoint_id>/rotate", RotateView.as_view(), name="webhook-endpoint-rotate"),
    path("deliveries", DeliveriesView.as_view(), name="webhook-deliveries"),
    path("deliveries/<uuid:delivery_id>", DeliveryView.as_view(), name="webhook-delivery"),
    path("deliveries/<uuid:delivery_id>/redeliver", RedeliverView.as_view(), name="webhook-redeliver"),
]
