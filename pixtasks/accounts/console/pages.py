"""What the pages share: a confirmation before anything changes, and the caller as services want him."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from pixtasks.accounts.models import User
from pixtasks.common.throttles import caller_address

CONFIRMED = "confirmed"
"""The field of the form that a confirmation sends."""


class Actor(TypedDict):
    """Who asks, and from where."""

    actor: User
    address: str


def actor_of(request: HttpRequest) -> Actor:
    """Return who asks, for the services that change something."""
    assert isinstance(request.user, User)
    return {"actor": request.user, "address": caller_address(request)}


def confirmed(request: HttpRequest) -> bool:
    """Whether somebody has seen what is going to happen, and sent the form."""
    return request.method == "POST" and request.POST.get(CONFIRMED) == "yes"


def page(
    model_admin: ModelAdmin, request: HttpRequest, template: str, title: str, context: Mapping[str, Any]
) -> HttpResponse:
    """Return a page in the console's frame.

    Args:
        template: its whole name, such as ``jobs/console/job.html``; it extends ``admin/base_site.html``.
    """
    shown = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,
        "title": title,
        **context,
    }
    return TemplateResponse(request, template, shown)


def done(url: str) -> HttpResponse:
    """Return the answer of a dialog's action: the page to go to.

    A dialog is filled by htmx, which follows a 302 itself and would show the next page inside the dialog.
    """
    return HttpResponse(headers={"HX-Redirect": url})


def ask(
    model_admin: ModelAdmin,
    request: HttpRequest,
    *,
    title: str,
    text: str,
    button: str,
    back: str,
    fields: Mapping[str, str] | None = None,
    dangerous: bool = False,
) -> HttpResponse:
    """Return the page that asks whether to go on; its form posts to the same address.

    Args:
        text: what is going to happen.
        button: the word for it.
        back: where the other button leads.
        fields: what the form sends besides.
        dangerous: the button is red.
    """
    context = {"text": text, "button": button, "back": back, "fields": fields or {}, "dangerous": dangerous}
    return page(model_admin, request, "pixtasks/console/confirm.html", title, context)
