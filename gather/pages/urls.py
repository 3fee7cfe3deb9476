"""Routes of the pages."""

from django.urls import path

from gather.pages.views import live

urlpatterns = [path("live", live, name="live")]
