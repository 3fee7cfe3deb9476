"""The form of a new job, empty or filled in as another job was."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from pydantic import ValidationError

from jobs.api.requests import ProjectJobCreateRequest
from jobs.console.filters import whole
from jobs.console.forms import JobForm
from jobs.models import CrawlJob, Level
from jobs.services.crawl_jobs import create_job, start_job
from jobs.services.projects import project_by_slug
from jobs.services.validate_later import validate_when_crawled
from pixtasks.accounts.console.pages import actor_of, page
from pixtasks.common.commands import sentence
from pixtasks.common.errors import FieldError, InvalidInput, PixtasksError
from pixtasks.common.wording import field_errors

NEW: Final = "admin:jobs_crawljob_new"
_LONGEST: Final = 200


def new_job_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Ask for a job, and make it; start it where the button said so."""
    number = whole(request.GET.get("clone"))
    clone = CrawlJob.objects.select_related("project").filter(pk=number).first() if number is not None else None
    owner = actor_of(request)["actor"]
    data = request.POST if request.method == "POST" else None
    form = JobForm(data, owner=owner, clone=clone, project=request.GET.get("project", "")[:_LONGEST])
    if form.is_bound and form.is_valid():
        job = _make(request, form)
        if job is not None:
            return redirect("admin:jobs_crawljob_change", job.pk)
    context = {
        "form": form,
        "clone": clone,
        "back": reverse("admin:jobs_crawljob_changelist"),
        "faulty": form.is_bound,
    }
    title = f"Clone of {clone.name}" if clone is not None else "New job"
    return page(model_admin, request, "jobs/console/new_job.html", title, context)


def _make(request: HttpRequest, form: JobForm) -> CrawlJob | None:
    """Make the job by the rules of the API; None where something was refused, which the form shows."""
    data, who = form.cleaned_data, actor_of(request)
    start = request.POST.get("then") == "start"
    if data["level"] and not start:
        form.add_error("level", "Validation is asked for when the job is started; start it, or choose none.")
        return None
    name = data["name"].strip() or f"crawl of {', '.join(data['keywords'])}"[:_LONGEST]
    try:
        wanted = ProjectJobCreateRequest.model_validate(
            {
                "name": name,
                "keywords": data["keywords"],
                "keyword_templates": data["keyword_templates"],
                "engines": data["engines"],
                "max_images": data["max_images"],
                "rebalance": data["rebalance"],
                "options": form.options(),
            }
        )
        with transaction.atomic():
            project = project_by_slug(owner=who["actor"], slug=data["project"].strip())
            job = create_job(project=project, **wanted.model_dump(), **who)
            if start:
                started = start_job(job, **who)
                if data["level"]:
                    validate_when_crawled(job, Level(data["level"]), user=project.owner)
                said = f"{job.name} has started: {len(started.task_ids)} chunk(s)."
            else:
                said = f"{job.name} is ready to be started."
    except ValidationError as error:
        _show(form, field_errors(error, ("body",)))
    except InvalidInput as error:
        _show(form, error.errors)
    except PixtasksError as error:
        form.add_error(None, sentence(error))
    else:
        messages.success(request, said)
        return job
    return None


def _show(form: JobForm, faults: list[FieldError]) -> None:
    """Show what was refused, each fault at its field."""
    for fault in faults:
        where: list[Any] = [part for part in fault.loc if part != "body"]
        if where[:1] == ["options"] and len(where) > 1:
            choice = next((one for one in form.choices if one.name == where[1] and one.form is not None), None)
            if choice is not None and choice.form is not None:
                choice.form.show_faults([FieldError(tuple(where[2:]), fault.msg)])
                form.add_error(None, f"{where[1]}: {fault.msg}")
                continue
        field = where[0] if where and where[0] in form.fields else None
        form.add_error(field, fault.msg)
