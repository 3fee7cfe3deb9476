"""Jobs: a new one in one form, how far one is, and what can be done to it."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from jobs.models import CrawlJob, JobStatus, Level
from jobs.services.crawl_jobs import cancel_job, create_job, retry_job, start_job
from jobs.services.licenses import licenses_of_job
from jobs.services.progress import job_progress
from jobs.services.projects import create_project
from jobs.services.queries import RunProgress, validation_runs
from jobs.services.template_yields import template_yields
from jobs.services.templates import size_of
from jobs.services.validate_later import validate_when_crawled
from jobs.services.validation import start_validation
from pixtasks.accounts.services.idempotency import StillRunning
from pixtasks.common.errors import InvalidInput, PixtasksError
from pixtasks.common.throttles import SlotLimit
from pixtasks.web.forms import NEW_PROJECT, JobForm, add_faults
from pixtasks.web.once import once
from pixtasks.web.pages import Page, actor_of, ask, done, failed, is_piece, own_job, own_projects, show, user_of
from pixtasks.web.reading import JobRow, chunk_rows, newest_images
from pixtasks.web.words import failures_in_words

_MOST_PROJECTS = 500
_MOST_RUNS = 5
_STRIP = 24


def form_of(request: HttpRequest, *, data: Any = None, initial: dict[str, Any] | None = None) -> JobForm:
    """Return the form of a new job with the user's own projects."""
    projects = list(own_projects(user_of(request))[:_MOST_PROJECTS])
    return JobForm(data, projects=projects, initial=initial or {})


class NewJob(Page):
    """The form of a new job."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; ``project`` chooses one, ``like`` fills in what another job looked for."""
        initial: dict[str, Any] = {}
        like = request.GET.get("like", "")
        if like.isdigit():
            job = own_job(user_of(request), int(like))
            initial = {
                "project": str(job.project_id),
                "keywords": "\n".join(job.keywords),
                "keyword_templates": "\n".join(job.keyword_templates) if job.is_templated else "",
                "engines": list(job.engines),
                "max_images": job.max_images,
                "rebalance": job.rebalance,
                "name": job.name,
            }
        if request.GET.get("project", "").isdigit():
            initial["project"] = request.GET["project"]
        return self._page(request, form_of(request, initial=initial))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make the job and start it; once, however often the button is pressed."""
        form = form_of(request, data=request.POST)
        if not form.is_valid() or form.request is None:
            return self._page(request, form, 422)
        content = json.dumps(
            sorted((key, value) for key, value in request.POST.lists() if key != "csrfmiddlewaretoken")
        )
        try:
            SlotLimit("start_job").take(f"user:{user_of(request).pk}")
            address = once(
                user=user_of(request),
                path=request.path,
                nonce=form.cleaned_data["nonce"],
                content=content,
                work=lambda: self._start(request, form),
            )
        except StillRunning as error:
            return self._refused(request, form, error, "Your job is being made; look at the home page in a moment.")
        except InvalidInput as error:
            if error.errors and error.errors[0].loc[:1] == ("header",):
                text = "This form made a job before, with other values. Press the button again to make another one."
                return self._refused(request, form, error, text)
            add_faults(form, error)
            return self._page(request, form, 422)
        except PixtasksError as error:
            return self._refused(request, form, error, error.message)
        return redirect(address)

    @staticmethod
    def _start(request: HttpRequest, form: JobForm) -> str:
        wanted = form.request
        assert wanted is not None
        actor = actor_of(request)
        with transaction.atomic():
            project = form.chosen_project
            if form.cleaned_data["project"] == NEW_PROJECT or project is None:
                project = create_project(owner=actor["actor"], name=form.cleaned_data["new_project"], **actor)
            job = create_job(
                project=project,
                name=wanted.name,
                keywords=wanted.keywords,
                engines=wanted.engines,
                max_images=wanted.max_images,
                options=wanted.options,
                keyword_templates=wanted.keyword_templates,
                rebalance=wanted.rebalance,
                **actor,
            )
            start_job(job, **actor)
            if form.cleaned_data["level"]:
                validate_when_crawled(job, Level(form.cleaned_data["level"]), user=actor["actor"])
        return reverse("web:job", args=[job.pk])

    def _refused(self, request: HttpRequest, form: JobForm, error: PixtasksError, text: str) -> HttpResponse:
        form.add_error(None, text)
        return self._page(request, form, error.status)

    @staticmethod
    def _page(request: HttpRequest, form: JobForm, status: int = 200) -> HttpResponse:
        fresh = form_of(request)["nonce"].initial if form.is_bound else None
        return show(request, "web/new_job.html", {"form": form, "fresh": fresh}, status=status)


def _shown(job: CrawlJob, runs: list[RunProgress]) -> dict[str, Any]:
    figures = job_progress(job)
    group = job.group
    ended = group is not None and group.settled_at is not None
    return {
        "job": job,
        "row": JobRow(job, figures),
        "figures": figures,
        "failures": failures_in_words(figures.outcomes),
        "yields": template_yields(job) if job.is_templated else [],
        "size": size_of(job),
        "runs": runs[:_MOST_RUNS],
        "ended": ended,
        "stopping": group is not None and group.cancelled_at is not None and not ended,
        "can_start": figures.status == JobStatus.PENDING,
        "can_cancel": figures.status in (JobStatus.PENDING, JobStatus.RUNNING),
        "can_retry": ended and group is not None and (group.total == 0 or bool(group.failed or group.cancelled)),
        "can_validate": ended and job.images > 0,
    }


def _settled(job: CrawlJob) -> bool:
    return job.group is not None and job.group.settled_at is not None


def _still(job: CrawlJob, runs: list[RunProgress]) -> bool:
    """Whether nothing of a job moves any more."""
    return _settled(job) and all(run.group.settled_at is not None for run in runs)


class Job(Page):
    """A job."""

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Show it."""
        job = own_job(user_of(request), job_id)
        runs = validation_runs(job)
        rows, more = chunk_rows(job)
        context = {
            **_shown(job, runs),
            "newest": newest_images(job, _STRIP),
            "licenses": licenses_of_job(job),
            "chunks": rows,
            "more": more,
            "still": _still(job, runs),
        }
        return show(request, "web/job.html", context)


class JobNow(Page):
    """The part of a job's page that moves."""

    fragment = True

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Return it."""
        job = own_job(user_of(request), job_id)
        runs = validation_runs(job)
        response = show(request, "web/fragments/job_now.html", _shown(job, runs))
        if _still(job, runs):
            response["X-Live"] = "ended"
        return response


class JobNewest(Page):
    """The newest images of a job."""

    fragment = True

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Return them."""
        job = own_job(user_of(request), job_id)
        context = {"job": job, "newest": newest_images(job, _STRIP)}
        response = show(request, "web/fragments/job_newest.html", context)
        if _settled(job):
            response["X-Live"] = "ended"
        return response


class JobChunks(Page):
    """All chunks of a job, page by page."""

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Return a page of them."""
        job = own_job(user_of(request), job_id)
        rows, more = chunk_rows(job, request.GET.get("cursor"))
        template = "web/fragments/job_chunks.html" if is_piece(request) else "web/job_chunks.html"
        response = show(request, template, {"job": job, "chunks": rows, "more": more})
        if _settled(job):
            response["X-Live"] = "ended"
        return response


class StartJob(Page):
    """Starts a job that was made elsewhere and is pending."""

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Ask first."""
        job = own_job(user_of(request), job_id)
        return ask(
            request,
            title=f"Start “{job.name}”?",
            text=f"{job.total_chunks} chunks will run: {size_of(job)}.",
            action="Start",
            back=reverse("web:job", args=[job.pk]),
        )

    def post(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Start it."""
        job = own_job(user_of(request), job_id)
        address = reverse("web:job", args=[job.pk])
        try:
            SlotLimit("start_job").take(f"user:{user_of(request).pk}")
            started = start_job(job, **actor_of(request))
        except PixtasksError as error:
            return failed(request, error, address)
        return done(request, f"Started: {len(started.task_ids)} chunks.", address)


class CancelJob(Page):
    """Cancels a job."""

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Ask first."""
        job = own_job(user_of(request), job_id)
        return ask(
            request,
            title=f"Cancel “{job.name}”?",
            text="What runs stops at its next step. The images that are stored stay; you can let it go on later.",
            action="Cancel the job",
            back=reverse("web:job", args=[job.pk]),
            danger=True,
        )

    def post(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Cancel it."""
        job = own_job(user_of(request), job_id)
        address = reverse("web:job", args=[job.pk])
        try:
            revoked = cancel_job(job, **actor_of(request))
        except PixtasksError as error:
            return failed(request, error, address)
        return done(request, f"Cancelled. {revoked} chunk{'' if revoked == 1 else 's'} had not ended.", address)


class RetryJob(Page):
    """Runs again what failed."""

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Ask first."""
        job = own_job(user_of(request), job_id)
        return ask(
            request,
            title=f"Run the failed parts of “{job.name}” again?",
            text="Failed and cancelled chunks go on from what they have stored; nothing is fetched twice.",
            action="Run again",
            back=reverse("web:job", args=[job.pk]),
        )

    def post(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Run it again."""
        job = own_job(user_of(request), job_id)
        address = reverse("web:job", args=[job.pk])
        try:
            count = retry_job(job, **actor_of(request))
        except PixtasksError as error:
            return failed(request, error, address)
        text = f"{count} chunk{' runs' if count == 1 else 's run'} again." if count else "The job is pending again."
        return done(request, text, address)


class ValidateJob(Page):
    """Validates a job's images."""

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Ask how thoroughly."""
        job = own_job(user_of(request), job_id)
        return ask(
            request,
            title=f"Validate the images of “{job.name}”?",
            text="Every image is looked at and gets a verdict. No file is changed or deleted.",
            action="Validate",
            back=reverse("web:job", args=[job.pk]),
            levels=(
                (Level.FAST, "Fast", "headers, size and format"),
                (Level.MEDIUM, "Medium", "and every file is decoded"),
                (Level.SLOW, "Slow", "and sharpness, brightness, near-duplicates"),
            ),
        )

    def post(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Start the validation."""
        job = own_job(user_of(request), job_id)
        address = reverse("web:job", args=[job.pk])
        wanted = request.POST.get("level", Level.MEDIUM)
        level = Level(wanted) if wanted in Level.values else Level.MEDIUM
        actor = actor_of(request)
        try:
            started = start_validation(job, level, actor["actor"], address=actor["address"])
        except PixtasksError as error:
            return failed(request, error, address)
        return done(request, f"Validation started for {started.run.images_count:,} images.", address)
