"""Projects: list, make, look at, rename; and gathers of a project."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from gather.models import GatherRun
from gather.params import GatherOptions
from gather.services import runs
from gather.services.schedules import schedules
from jobs.licenses import LicensePolicy
from jobs.services.licenses import licenses_of_project
from jobs.services.meanings import policy_words
from jobs.services.projects import create_project, update_project
from pixtasks.common.errors import PixtasksError
from pixtasks.common.pagination import keyset_page
from pixtasks.common.throttles import SlotLimit, caller_address
from pixtasks.web.forms import GatherForm, ProjectForm
from pixtasks.web.pages import Page, actor_of, ask, done, own_jobs, own_project, own_projects, own_runs, show, user_of
from pixtasks.web.reading import JOBS, job_rows, project_cards

_CARDS = 24
_RUNS = 10


class Projects(Page):
    """The user's projects."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a page of them, the newest first."""
        page = keyset_page(own_projects(user_of(request)), cursor=request.GET.get("cursor"), limit=_CARDS)
        return show(request, "web/projects.html", {"cards": project_cards(page.rows), "next": page.next})


class NewProject(Page):
    """The form of a new project."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return show(request, "web/project_form.html", {"form": ProjectForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make the project."""
        form = ProjectForm(request.POST)
        if not form.is_valid():
            return show(request, "web/project_form.html", {"form": form}, status=422)
        actor = actor_of(request)
        project = create_project(
            owner=actor["actor"],
            name=form.cleaned_data["name"],
            description=form.cleaned_data["description"],
            license_policy=LicensePolicy(**form.policy),
            **actor,
        )
        return done(request, f"The project “{project.name}” is there.", reverse("web:project", args=[project.pk]))


class ProjectPage(Page):
    """A project with its jobs and gathers."""

    def get(self, request: HttpRequest, project_id: int) -> HttpResponse:
        """Show it."""
        return self.shown(request, project_id, GatherForm())

    @staticmethod
    def shown(request: HttpRequest, project_id: int, form: GatherForm, status: int = 200) -> HttpResponse:
        """Return the page, with the form of a gather as it was filled in."""
        user = user_of(request)
        project = own_project(user, project_id)
        page = keyset_page(own_jobs(user).filter(project=project), cursor=request.GET.get("cursor"), limit=JOBS)
        context = {
            "project": project,
            "card": project_cards([project])[0],
            "policy": policy_words(project.license_policy),
            "licenses": licenses_of_project(project),
            "rows": job_rows(page.rows),
            "next": page.next,
            "runs": own_runs(user).filter(project=project)[:_RUNS],
            "schedules": schedules(project),
            "form": form,
        }
        return show(request, "web/project.html", context, status=status)


class EditProject(Page):
    """Changes a project."""

    def get(self, request: HttpRequest, project_id: int) -> HttpResponse:
        """Show the form."""
        project = own_project(user_of(request), project_id)
        initial = {"name": project.name, "description": project.description, **asdict(project.license_policy)}
        form = ProjectForm(initial=initial)
        return show(request, "web/project_form.html", {"form": form, "project": project})

    def post(self, request: HttpRequest, project_id: int) -> HttpResponse:
        """Change name, description and policy."""
        project = own_project(user_of(request), project_id)
        form = ProjectForm(request.POST)
        if not form.is_valid():
            return show(request, "web/project_form.html", {"form": form, "project": project}, status=422)
        before = project.license_policy
        update_project(
            project,
            name=form.cleaned_data["name"],
            description=form.cleaned_data["description"],
            license_policy=form.policy,
            **actor_of(request),
        )
        judged = project.license_policy != before
        text = "Saved. The images that are stored are judged by the new policy in a moment." if judged else "Saved."
        return done(request, text, reverse("web:project", args=[project.pk]))


class StartGather(Page):
    """Starts a gather over what a project's jobs looked for."""

    def get(self, request: HttpRequest, project_id: int) -> HttpResponse:
        """Lead to the form."""
        return redirect("web:project", project_id)

    def post(self, request: HttpRequest, project_id: int) -> HttpResponse:
        """Start it, and lead to where it is seen live."""
        user = user_of(request)
        project = own_project(user, project_id)
        form = GatherForm(request.POST)
        if not form.is_valid():
            return ProjectPage.shown(request, project_id, form, 422)
        values = form.cleaned_data
        try:
            SlotLimit("start_gather").take(f"user:{user.pk}")
            run = runs.start(
                caller=user,
                project_id=str(project.slug),
                gather_count=values["gather_count"],
                options=GatherOptions(saveInterval=values["save_interval"], errorRecovery=values["error_recovery"]),
                address=caller_address(request),
            )
        except PixtasksError as error:
            form.add_error(None, error.message)
            return ProjectPage.shown(request, project_id, form, error.status)
        return done(request, f"The gather has started: {run.gather_count} iterations.", reverse("live"))


class CancelGather(Page):
    """Cancels a gather."""

    def get(self, request: HttpRequest, taskId: str) -> HttpResponse:  # noqa: N803
        """Ask first."""
        run = self._own(request, taskId)
        return ask(
            request,
            title=f"Cancel this gather of “{run.project.name}”?",
            text="Every finished iteration is saved and stays.",
            action="Cancel the gather",
            back=reverse("web:project", args=[run.project_id]),
            danger=True,
        )

    def post(self, request: HttpRequest, taskId: str) -> HttpResponse:  # noqa: N803
        """Cancel it."""
        run = self._own(request, taskId)
        cancelled = runs.cancel(taskId, caller=user_of(request), address=caller_address(request))
        text = f"Cancelled; {cancelled.completed_iterations} finished iterations are saved."
        return done(request, text, reverse("web:project", args=[run.project_id]))

    @staticmethod
    def _own(request: HttpRequest, task_id: str) -> GatherRun:
        return get_object_or_404(own_runs(user_of(request)), task__public_id=task_id)
