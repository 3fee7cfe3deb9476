"""What every page shares: who may see it, how errors are shown, and whose objects it may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypedDict, TypeVar, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from gather.models import GatherRun
from jobs.models import CrawlJob, Project
from pixtasks.accounts.models import ApiKey, User
from pixtasks.accounts.roles import ONLY_LOOKS, only_looks
from pixtasks.common.errors import AccessDenied, NotFound, PixtasksError, RateLimited
from pixtasks.common.throttles import caller_address

# Its own files and its own server; bars and charts carry their widths in style attributes.
CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_LARGEST_ID: Final = 2**63 - 1
Row = TypeVar("Row", bound=Model)


class Actor(TypedDict):
    """Who asks, and from where: what services write to the audit log."""

    actor: User
    address: str


class Page(View):
    """A page: it asks for a sign-in, shows refusals as pages, and may be kept by nobody.

    Attributes:
        open_to_all: whether it is shown without a sign-in.
        for_viewers: whether staff who only look may post to it, because it is about their own account.
        fragment: whether it is a piece that a script asks for, which no sign-in page may stand in for.
    """

    open_to_all: ClassVar[bool] = False
    for_viewers: ClassVar[bool] = False
    fragment: ClassVar[bool] = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the request."""
        response = self._answer(request, *args, **kwargs)
        response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Vary", "Cookie, HX-Request")
        return response

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not hasattr(self, (request.method or "").lower()) or request.method == "TRACE":
            return self.http_method_not_allowed(request, *args, **kwargs)
        if not self.open_to_all and not request.user.is_authenticated and request.method != "OPTIONS":
            return ask_to_sign_in(request, fragment=self.fragment)
        if request.method == "POST" and not (self.for_viewers or self.open_to_all) and only_looks(user_of(request)):
            return refused(request, AccessDenied(ONLY_LOOKS))
        try:
            return super().dispatch(request, *args, **kwargs)
        except (NotFound, AccessDenied) as error:
            raise Http404(error.message) from error
        except PixtasksError as error:
            return refused(request, error)


def user_of(request: HttpRequest) -> User:
    """Return the signed-in user of a page that asks for one."""
    assert isinstance(request.user, User)
    return request.user


def actor_of(request: HttpRequest) -> Actor:
    """Return who asks, for the services that change something."""
    return {"actor": user_of(request), "address": caller_address(request)}


def is_piece(request: HttpRequest) -> bool:
    """Whether htmx or live.js asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Return a page or a piece of one."""
    return render(request, template, dict(context or {}), status=status)


def ask(
    request: HttpRequest, *, title: str, text: str, action: str, back: str, danger: bool = False, **context: Any
) -> HttpResponse:
    """Return the question that stands before something is done: a dialog where htmx asks, else a page.

    Args:
        title: the question.
        text: what will happen, and what stays.
        action: the word on the button; pressing it posts to the same address.
        back: where "no" leads.
        danger: whether something is lost by it.
        context: what ``web/ask_extra.html`` shows besides, such as choices.
    """
    template, heading = ("web/fragments/ask.html", "h2") if is_piece(request) else ("web/ask.html", "h1")
    shown = {
        "heading": heading,
        "title": title,
        "text": text,
        "action": action,
        "back": back,
        "danger": danger,
        **context,
    }
    return show(request, template, {**shown, "here": request.get_full_path()})


def done(request: HttpRequest, text: str, to: str) -> HttpResponse:
    """Say that it is done, on the page that comes next."""
    messages.success(request, text)
    return redirect(to)


def failed(request: HttpRequest, error: PixtasksError, to: str) -> HttpResponse:
    """Say why it was refused, on the page that comes next."""
    messages.error(request, error.message)
    return redirect(to)


def refused(request: HttpRequest, error: PixtasksError) -> HttpResponse:
    """Return the page of a request that was understood and refused."""
    response = show(request, "web/refused.html", {"message": error.message}, status=error.status)
    if isinstance(error, RateLimited):
        response["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def ask_to_sign_in(request: HttpRequest, *, fragment: bool = False) -> HttpResponse:
    """Lead to the sign-in page, which leads back here."""
    if fragment or is_piece(request):
        # A script would put the sign-in page into a corner of this one.
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    return redirect(sign_in_address(request.get_full_path() if request.method == "GET" else reverse("home")))


def sign_in_address(back: str) -> str:
    """Return the address of the sign-in page that leads to ``back`` afterwards."""
    return f"{reverse('web:sign-in')}?{urlencode({'next': back})}"


def safe_next(request: HttpRequest) -> str:
    """Return where to go after signing in: ``next`` where it is a page of ours, else the home page."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if allowed else reverse("home")


def _own(rows: QuerySet[Row], pk: int) -> Row:
    row = rows.filter(pk=pk).first() if pk <= _LARGEST_ID else None
    if row is None:
        raise Http404
    return row


def own_projects(user: User) -> QuerySet[Project]:
    """Return the user's projects, newest first. Staff, too, see their own here; the console shows everybody's."""
    return Project.objects.filter(owner=user).order_by("-pk")


def own_jobs(user: User) -> QuerySet[CrawlJob]:
    """Return the user's jobs with project and group, newest first."""
    rows = CrawlJob.objects.with_group().filter(project__owner=user).order_by("-pk")
    return cast("QuerySet[CrawlJob]", rows)


def own_project(user: User, project_id: int) -> Project:
    """Return one of the user's projects.

    Raises:
        Http404: there is none of that id, or it is somebody else's: the answer does not tell which.
    """
    return _own(own_projects(user), project_id)


def own_job(user: User, job_id: int) -> CrawlJob:
    """Return one of the user's jobs, with its project and group.

    Raises:
        Http404: as for :func:`own_project`.
    """
    return _own(own_jobs(user), job_id)


def own_key(user: User, key_id: int) -> ApiKey:
    """Return one of the user's API keys.

    Raises:
        Http404: as for :func:`own_project`.
    """
    return cast(ApiKey, _own(ApiKey.objects.filter(owner=user), key_id))


def own_runs(user: User) -> QuerySet[GatherRun]:
    """Return the user's gather runs with project, task and job, newest first."""
    return GatherRun.objects.select_related("project", "task", "job").filter(project__owner=user).order_by("-pk")
