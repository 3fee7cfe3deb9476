"""A user's own account: password, API keys, and which webhooks hear of the work."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from pixtasks.accounts.models import ApiKey, Scope
from pixtasks.accounts.services.api_keys import LONGEST_NAME, new_key, revoke_key
from pixtasks.accounts.services.sessions import change_password
from pixtasks.common.errors import InvalidInput, PixtasksError, RateLimited
from pixtasks.common.throttles import caller_address
from pixtasks.web.forms import add_faults, one_line
from pixtasks.web.pages import Page, ask, done, own_key, show, user_of
from tasktypes.models import WebhookEndpoint

_LIVES = (("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year"), ("0", "never"))
_MOST_ROWS = 200


class KeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(max_length=LONGEST_NAME, help_text="What uses it, such as “laptop” or “nightly export”.")
    may_write = forms.ChoiceField(
        label="It may",
        choices=(("yes", "do what I may do"), ("no", "read only")),
        widget=forms.RadioSelect,
        initial="yes",
    )
    days = forms.ChoiceField(label="It ends", choices=_LIVES, initial="90")

    def clean_name(self) -> str:
        """Make one line of it."""
        return one_line(self.cleaned_data["name"])


class PasswordForm(forms.Form):
    """A new password."""

    old = forms.CharField(
        label="Present password",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label="New password",
        strip=False,
        max_length=4096,
        help_text="At least 8 characters; a sentence is best.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password, once more",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> None:
        """Compare the two."""
        if self.cleaned_data.get("new") != self.cleaned_data.get("again"):
            self.add_error("again", "The two new passwords differ.")


def _account(request: HttpRequest, key_form: KeyForm | None = None, *, status: int = 200) -> HttpResponse:
    user = user_of(request)
    context = {
        "keys": ApiKey.objects.filter(owner=user).order_by("revoked", "-id")[:_MOST_ROWS],
        "endpoints": WebhookEndpoint.objects.filter(owner=user, deleted_at__isnull=True).order_by("-pk")[:_MOST_ROWS],
        "key_form": key_form or KeyForm(),
        "now": timezone.now(),
    }
    return show(request, "web/account.html", context, status=status)


class Account(Page):
    """Keys and webhooks."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show them."""
        return _account(request)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class Password(Page):
    """A new password."""

    for_viewers = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for it."""
        return show(request, "web/password.html", {"form": PasswordForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Change it."""
        form = PasswordForm(request.POST)
        status = 422
        if form.is_valid():
            values = form.cleaned_data
            try:
                change_password(request, old=values["old"], new=values["new"], address=caller_address(request))
            except InvalidInput as error:
                add_faults(form, error)
            except RateLimited as error:
                form.add_error(None, error.message)
                status = error.status
            else:
                text = "Your password is changed. Other sessions and access tokens have ended."
                return done(request, text, reverse("web:account"))
        return show(request, "web/password.html", {"form": form}, status=status)


class Keys(Page):
    """Makes API keys."""

    for_viewers = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Lead to where they are listed."""
        return redirect("web:account")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make a key, and show it this once."""
        form = KeyForm(request.POST)
        if not form.is_valid():
            return _account(request, form, status=422)
        days = int(form.cleaned_data["days"])
        try:
            key, text = new_key(
                caller=user_of(request),
                name=form.cleaned_data["name"],
                scopes=[Scope.READ] if form.cleaned_data["may_write"] == "no" else [],
                expires_at=timezone.now() + timedelta(days=days) if days else None,
                address=caller_address(request),
            )
        except PixtasksError as error:
            form.add_error(None, error.message)
            return _account(request, form, status=error.status)
        return show(request, "web/new_key.html", {"key": key, "text": text}, status=201)


class RevokeKey(Page):
    """Revokes an API key."""

    for_viewers = True

    def get(self, request: HttpRequest, key_id: int) -> HttpResponse:
        """Ask first."""
        key = own_key(user_of(request), key_id)
        return ask(
            request,
            title=f"Revoke the key “{key.name}”?",
            text="Whatever uses it is refused from then on. A revoked key cannot be brought back; make a new one.",
            action="Revoke",
            back=reverse("web:account"),
            danger=True,
        )

    def post(self, request: HttpRequest, key_id: int) -> HttpResponse:
        """Revoke it."""
        key = own_key(user_of(request), key_id)
        revoke_key(key, caller=user_of(request), address=caller_address(request))
        return done(request, f"The key “{key.name}” is revoked.", reverse("web:account"))
