"""The form of a project's licence policy."""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from jobs.models import Project
from jobs.services.projects import update_project
from pixtasks.accounts.console.pages import actor_of, page


class PolicyForm(forms.ModelForm):
    """Its four questions."""

    class Meta:
        model = Project
        fields = ("require_commercial_use", "require_derivatives", "allow_share_alike", "allow_unknown_license")
        labels: ClassVar = {
            "require_commercial_use": "Commercial use must be permitted",
            "require_derivatives": "Changed versions must be permitted",
            "allow_share_alike": "Share-alike is fine",
            "allow_unknown_license": "Pictures without a known licence are fine",
        }


def policy_page(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, and change it."""
    project = Project.objects.filter(pk=pk).first()
    if project is None:
        raise Http404
    back = reverse("admin:jobs_project_change", args=[project.pk])
    before = project.license_policy
    form = PolicyForm(request.POST if request.method == "POST" else None, initial=asdict(before))
    if form.is_bound and form.is_valid():
        update_project(project, license_policy=form.cleaned_data, **actor_of(request))
        if project.license_policy != before:
            messages.success(request, "Saved; a task judges the images that are stored.")
        else:
            messages.info(request, "Nothing changed.")
        return redirect(back)
    context = {"form": form, "project": project, "back": back}
    return page(model_admin, request, "jobs/console/policy.html", "Licence policy", context)
