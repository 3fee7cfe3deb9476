"""The list of crawl jobs, what can be done to one or to some, and the addresses of the job's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.views import ChangeList as UnfoldChangeList
from unfold.widgets import UnfoldAdminSelectWidget

from jobs.console import exports, failures_page, job_page, new_job, some
from jobs.console.filters import ByOwner, ByProject, CreatedSince, ReadsAs, a_job
from jobs.console.verbs import WORDS, Verb, act
from jobs.models import CrawlJob, Level
from jobs.services.failures import failed_classes
from jobs.services.progress import jobs_progress
from jobs.services.templates import size_of
from pixtasks.accounts.console import LargeTable, ReadOnlyAdmin
from pixtasks.accounts.console.pages import actor_of, done
from pixtasks.common.errors import PixtasksError
from pixtasks.common.markup import badge, bar, link, when

LIST: Final = "admin:jobs_crawljob_changelist"
PAGE: Final = "admin:jobs_crawljob_change"
_ACTIONS: Final = {
    "start_one": Verb.START, "cancel_one": Verb.CANCEL, "retry_one": Verb.RETRY, "validate_one": Verb.VALIDATE,
}  # fmt: skip


class LevelDialog(BaseDialogForm):
    """The question how thoroughly to look."""

    level = forms.ChoiceField(choices=Level.choices, initial=Level.MEDIUM.value, widget=UnfoldAdminSelectWidget)


class FormatDialog(BaseDialogForm):
    """The question for the kind of file."""

    kind = forms.ChoiceField(choices=exports.KINDS, label="Format", widget=UnfoldAdminSelectWidget)


def _dialog(title: str, text: str, button: str, form_class: type[BaseDialogForm] | None = None) -> Any:
    return {"title": title, "description": text, "form_class": form_class, "form_submit_text": button}


class _JobList(UnfoldChangeList):
    """Reads the figures of the jobs on the page along, in one query for all."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page and what is running of it."""
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        figures = jobs_progress(self.result_list)
        for job in self.result_list:
            job.figures = figures[job.pk]


class CrawlJobAdmin(LargeTable, ReadOnlyAdmin):
    """Crawl jobs."""

    list_display = ("what", "state", "chunks", "images_word", "failures_word", "project_word", "age")
    list_filter = (ReadsAs, ByProject, ByOwner, CreatedSince)
    list_select_related = ("project__owner", "group")
    list_disable_select_all = True
    search_fields = ("=pk", "name", "project__slug", "project__owner__email")
    search_help_text = "A job's number, a part of its name, a project's slug or an owner's address"
    sortable_by = ()
    ordering = ("-id",)
    change_form_template = "jobs/console/job.html"
    list_before_template = "jobs/console/jobs_head.html"
    fields = ("name",)
    actions = ("start_some", "cancel_some", "retry_some", "validate_some")  # type: ignore[assignment]
    actions_list = ("new_job",)
    actions_row = (*_ACTIONS, "export_one", "clone_one")
    actions_detail = (*_ACTIONS, "export_one", "clone_one")

    # The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows its jobs' figures."""
        return _JobList

    def get_sortable_by(self, request: HttpRequest) -> list[str]:
        """Newest first, always."""
        return []

    @display(description="Job")
    def what(self, obj: CrawlJob) -> SafeString:
        """Return its name, its number and its size."""
        size = size_of(obj)
        return format_html(
            '<span class="jb-what"><span class="jb-name">{}</span><span class="px-soft">#{} · {}</span></span>',
            obj.name, obj.pk, size,
        )  # fmt: skip

    @display(description="Status")
    def state(self, obj: Any) -> SafeString:
        """Return what it reads as."""
        stopping = obj.status == "cancelled" and obj.group is not None and obj.group.settled_at is None
        return badge("stopping", colour="warning") if stopping else badge(obj.status.value)

    @display(description="Chunks")
    def chunks(self, obj: Any) -> SafeString:
        """Return how many have ended."""
        figures = obj.figures
        return bar(figures.ended_chunks, figures.total_chunks, failed=figures.failed_chunks)

    @display(description="Images")
    def images_word(self, obj: Any) -> SafeString:
        """Return how many it has stored."""
        return _number(obj.figures.downloaded_images)

    @display(description="Failures")
    def failures_word(self, obj: Any) -> SafeString:
        """Return how many candidates did not become an image; a click shows them."""
        number = sum(failed_classes(obj.figures.outcomes).values())
        if not number:
            return _number(0)
        return link(f"{reverse('admin:jobs_fetchfailure_changelist')}?job={obj.pk}", f"{number:,}")

    @display(description="Project")
    def project_word(self, obj: CrawlJob) -> SafeString:
        """Return its project and whose it is; a click shows the jobs of either."""
        return format_html(
            '<span class="jb-whose">{}{}</span>',
            link(f"?project={obj.project_id}", obj.project.name),
            link(f"?owner={obj.project.owner_id}", obj.project.owner),
        )

    @display(description="Age")
    def age(self, obj: CrawlJob) -> SafeString:
        """Return when it was made."""
        return when(obj.created_at)

    # Pages

    def get_urls(self) -> list[URLPattern]:
        """Add the pages beside the list and the job."""
        return [
            path("new/", self._page(new_job.new_job_page, operate=True), name="jobs_crawljob_new"),
            path("<int:pk>/live/", self._page(job_page.live_view), name="jobs_crawljob_live"),
            path("<int:pk>/grid/", self._page(job_page.grid_view), name="jobs_crawljob_grid"),
            path("<int:pk>/log/", self._page(job_page.log_view), name="jobs_crawljob_log"),
            path("<int:pk>/export/", self._page(exports.export_view), name="jobs_crawljob_export"),
            path(
                "<int:pk>/retry-failures/",
                self._page(failures_page.retry_failures_page, operate=True),
                name="jobs_crawljob_retry_failures",
            ),
            *super().get_urls(),
        ]

    def _page(self, function: Callable[..., HttpResponse], *, operate: bool = False) -> Any:
        """Return the view of a page: for whoever may see jobs, or may operate."""

        def inner(request: HttpRequest, **fields: Any) -> HttpResponse:
            allowed = self.has_operate_permission(request) if operate else self.has_view_permission(request)
            if not allowed:
                raise PermissionDenied
            return function(self, request, **fields)

        return self.admin_site.admin_view(inner)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Lead to the form of a new job: where Django's own routes look for one."""
        if request.method == "POST" or not self.has_operate_permission(request):
            raise PermissionDenied
        return redirect(new_job.NEW)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the job."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = a_job(object_id)
        context = {**job_page.page_context(self, job, request), "title": job.name}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Offer what the job's state allows."""
        job = CrawlJob.objects.with_group().filter(pk=object_id).first()
        hidden = {
            f"jobs_crawljob_{name}"
            for name, verb in _ACTIONS.items()
            if job is None or job.status not in WORDS[verb].states
        }
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if each.action_name not in hidden]

    # What can be done to one

    @action(description="New job", url_path="to-new", icon="add", permissions=["operate"],
            variant=ActionVariant.PRIMARY)  # fmt: skip
    def new_job(self, request: HttpRequest) -> HttpResponse:
        """Go to the form."""
        return redirect(new_job.NEW)

    @action(
        description="Start…", url_path="start", icon="play_arrow", permissions=["operate"],
        variant=ActionVariant.PRIMARY, dialog=_dialog("Start this job?", WORDS[Verb.START].text, "Start the job"),
    )  # fmt: skip
    def start_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Start one job."""
        return self._act(request, Verb.START, object_id)

    @action(
        description="Cancel…", url_path="cancel", icon="cancel", permissions=["operate"],
        dialog=_dialog("Cancel this job?", WORDS[Verb.CANCEL].text, "Cancel the job"),
    )  # fmt: skip
    def cancel_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Cancel one job."""
        return self._act(request, Verb.CANCEL, object_id)

    @action(
        description="Retry…", url_path="retry", icon="replay", permissions=["operate"],
        dialog=_dialog("Retry this job?", WORDS[Verb.RETRY].text, "Retry the job"),
    )  # fmt: skip
    def retry_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Run the failed and cancelled chunks of one job again."""
        return self._act(request, Verb.RETRY, object_id)

    @action(
        description="Validate…", url_path="validate", icon="fact_check", permissions=["operate"],
        dialog=_dialog("Validate this job's images?", WORDS[Verb.VALIDATE].text, "Validate", LevelDialog),
    )  # fmt: skip
    def validate_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Validate the images of one job."""
        return self._act(request, Verb.VALIDATE, object_id, Level(form.cleaned_data["level"]))

    @action(
        description="Export…", url_path="to-export", icon="download", permissions=["operate"],
        dialog=_dialog(
            "Export this job's images?",
            "A list with one line per image: file, source, page, title, creator, licence, size, verdict and issues.",
            "Export", FormatDialog,
        ),
    )  # fmt: skip
    def export_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Lead to the job's page, which begins the download: a dialog cannot be the answer's file."""
        job = a_job(object_id)
        exports.note_export(job, form.cleaned_data["kind"], **actor_of(request))
        return done(f"{reverse(PAGE, args=[job.pk])}?download={form.cleaned_data['kind']}")

    @action(description="Clone…", url_path="clone", icon="content_copy", permissions=["operate"])
    def clone_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the form, filled in as this job was."""
        return redirect(f"{reverse(new_job.NEW)}?clone={a_job(object_id).pk}")

    def _act(self, request: HttpRequest, verb: Verb, object_id: str, level: Level | None = None) -> HttpResponse:
        job = a_job(object_id)
        try:
            said = act(verb, job, level=level, who=actor_of(request))
            messages.success(request, f"{job.name}: {said}.")
        except PixtasksError as error:
            messages.warning(request, error.message)
        return done(reverse(PAGE, args=[job.pk]))

    # What can be done to some

    @action(description="Start…", permissions=["operate"])
    def start_some(self, request: HttpRequest, queryset: QuerySet[CrawlJob]) -> HttpResponse:
        """Ask, then start what is ticked."""
        return some.ask_for_some(self, request, queryset, Verb.START)

    @action(description="Cancel…", permissions=["operate"])
    def cancel_some(self, request: HttpRequest, queryset: QuerySet[CrawlJob]) -> HttpResponse:
        """Ask, then cancel what is ticked."""
        return some.ask_for_some(self, request, queryset, Verb.CANCEL)

    @action(description="Retry…", permissions=["operate"])
    def retry_some(self, request: HttpRequest, queryset: QuerySet[CrawlJob]) -> HttpResponse:
        """Ask, then retry what is ticked."""
        return some.ask_for_some(self, request, queryset, Verb.RETRY)

    @action(description="Validate…", permissions=["operate"])
    def validate_some(self, request: HttpRequest, queryset: QuerySet[CrawlJob]) -> HttpResponse:
        """Ask, then validate what is ticked."""
        return some.ask_for_some(self, request, queryset, Verb.VALIDATE)


def _number(number: int) -> SafeString:
    return format_html('<span class="jb-number">{}</span>', f"{number:,}")


def job_link(pk: int, text: object) -> SafeString:
    """Return a link to a job's page."""
    return link(reverse(PAGE, args=[pk]), text)
