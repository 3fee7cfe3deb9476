"""Projects: what is in them, and the way to it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.views import ChangeList as UnfoldChangeList

from jobs.console.filters import CreatedSince, ProjectsOwner, whole
from jobs.console.policy import policy_page
from jobs.models import Project
from jobs.services.job_facts import project_totals
from jobs.services.licenses import licenses_of_project
from jobs.services.meanings import policy_words
from jobs.services.progress import jobs_progress
from jobs.services.queries import jobs_of_project
from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.common.markup import link, when

_JOBS = 10


class _ProjectList(UnfoldChangeList):
    """Reads the totals of the projects on the page along, in one query for all."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page and what is in its projects."""
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        totals = project_totals([project.pk for project in self.result_list])
        for project in self.result_list:
            project.totals = totals[project.pk]


class ProjectAdmin(ReadOnlyAdmin):
    """Projects."""

    list_display = ("what", "owner_link", "jobs_word", "images_word", "age", "latest")
    list_filter = (ProjectsOwner, CreatedSince)
    list_select_related = ("owner",)
    search_fields = ("name", "slug", "owner__email")
    search_help_text = "A part of a name, of a slug or of an owner's address"
    sortable_by = ()
    ordering = ("-id",)
    change_form_template = "jobs/console/project.html"
    list_before_template = "jobs/console/jobs_head.html"
    fields = ("name",)

    def get_urls(self) -> list[URLPattern]:
        """Add the form of the licence policy."""

        def policy(request: HttpRequest, pk: int) -> HttpResponse:
            if not self.has_operate_permission(request):
                raise PermissionDenied
            return policy_page(self, request, pk)

        route = path("<int:pk>/policy/", self.admin_site.admin_view(policy), name="jobs_project_policy")
        return [route, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows its projects' totals."""
        return _ProjectList

    @display(description="Project")
    def what(self, obj: Project) -> SafeString:
        """Return its name and slug."""
        return format_html(
            '<span class="jb-what"><span class="jb-name">{}</span><span class="px-soft">{}</span></span>',
            obj.name,
            obj.slug,
        )

    @display(description="Owner")
    def owner_link(self, obj: Project) -> SafeString:
        """Return whose it is; a click shows all of theirs."""
        return link(f"?owner={obj.owner_id}", obj.owner)

    @display(description="Jobs")
    def jobs_word(self, obj: Any) -> SafeString:
        """Return how many jobs it has; a click shows them."""
        return link(f"{reverse('admin:jobs_crawljob_changelist')}?project={obj.pk}", f"{obj.totals.jobs:,}")

    @display(description="Images")
    def images_word(self, obj: Any) -> str:
        """Return how many images its jobs have stored."""
        return f"{obj.totals.images:,}"

    @display(description="Created")
    def age(self, obj: Project) -> SafeString:
        """Return when it was made."""
        return when(obj.created_at)

    @display(description="Latest job")
    def latest(self, obj: Any) -> SafeString:
        """Return when its newest job was made."""
        return when(obj.totals.latest)

    def links(self, project: Project) -> list[tuple[str, str]]:
        """Return what else there is of a project: title and address. Apps above this one may add to it."""
        return [("Jobs", f"{reverse('admin:jobs_crawljob_changelist')}?project={project.pk}")]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the project."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = whole(object_id)
        project = Project.objects.select_related("owner").filter(pk=pk).first() if pk is not None else None
        if project is None:
            raise Http404
        jobs = list(jobs_of_project(project)[:_JOBS])
        progress = jobs_progress(jobs)
        context = {
            "project": project,
            "totals": project_totals([project.pk])[project.pk],
            "rows": [(job, progress[job.pk]) for job in jobs],
            "links": self.links(project),
            "all_url": f"{reverse('admin:jobs_crawljob_changelist')}?project={project.pk}",
            "new_url": f"{reverse('admin:jobs_crawljob_new')}?project={project.slug}"
            if self.has_operate_permission(request)
            else "",
            "licenses": licenses_of_project(project),
            "policy": policy_words(project.license_policy),
            "policy_url": reverse("admin:jobs_project_policy", args=[project.pk])
            if self.has_operate_permission(request)
            else "",
            "title": project.name,
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})
