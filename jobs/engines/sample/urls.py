"""Where the pictures are: included at ``samples/``, open to everybody."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("<str:engine>", views.gallery),
    path("<str:engine>/<int:index>.html", views.facts),
    path("<str:engine>/<int:index>.<str:suffix>", views.picture),
]
