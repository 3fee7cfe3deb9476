"""Every route of the product. Either form, with and without the trailing slash, is answered (CONTRACT X08)."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from pixtasks.docs import DocsView, RedocView, openapi_json
from pixtasks.health import healthz, readyz
from pixtasks.web.errors import favicon
from pixtasks.web.home import Home

admin.autodiscover()

urlpatterns = [
    path("", Home.as_view(), name="home"),
    path("favicon.ico", favicon, name="favicon"),
    path("", include("pixtasks.web.urls")),
    path("", include("jobs.pages.urls")),
    path("api/v1/auth/", include("pixtasks.accounts.api.urls")),
    path("api/v1/", include("pixtasks.accounts.api.key_urls")),
    path("", include("gather.webhooks.urls")),
    path("api/v1/automated-gather/", include("gather.api.urls")),
    path("", include("gather.realtime.urls")),
    path("api/v1/", include("jobs.api.urls")),
    path("api/webhooks/", include("tasktypes.webhooks.api.urls")),
    path("api/celery/", include("tasktypes.api.celery.urls")),
    path("api/", include("tasktypes.api.registry.urls")),
    path("", include("tasktypes.api.database.urls")),
    *([path("samples/", include("jobs.engines.sample.urls"))] if settings.PIXTASKS_SAMPLES else []),
    path("", include("gather.pages.urls")),
    path("admin/dashboard/", include("pixtasks.console.dashboard.views")),
    path("admin/", admin.site.urls),
    path("openapi.json", openapi_json, name="openapi"),
    path("docs", DocsView.as_view(), name="docs"),
    path("redoc", RedocView.as_view(), name="redoc"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]

handler400 = "pixtasks.common.dialects.handler400"
handler403 = "pixtasks.common.dialects.handler403"
handler404 = "pixtasks.common.dialects.handler404"
handler500 = "pixtasks.common.dialects.handler500"
