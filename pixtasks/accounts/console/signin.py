"""Signing in to the console: the limits and the audit entries of every other way in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import CONSOLE_PREFIX, audit
from pixtasks.accounts.services.signin import verified
from pixtasks.common.errors import NotAuthenticated, RateLimited
from pixtasks.common.throttles import caller_address


class ConsoleSignInForm(AdminAuthenticationForm):
    """Address and password; failed attempts count in the same limits as those over HTTP."""

    def clean(self) -> dict[str, Any]:
        """Look whether they are right, and whether the user may see the console."""
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email and password and self.request is not None:
            address = caller_address(self.request)
            try:
                self.user_cache = verified(email=email, password=password, address=address, request=self.request)
            except (NotAuthenticated, RateLimited) as error:
                raise forms.ValidationError(error.message, code="invalid_login") from error
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data


def note_sign_out(request: HttpRequest | None, user: Any, **_: Any) -> None:
    """Record that somebody signed out by the console's own button; other ways record it themselves."""
    if request is not None and isinstance(user, User) and request.path.startswith(CONSOLE_PREFIX):
        audit("signed_out", actor=user, target=user, address=caller_address(request))


user_logged_out.connect(note_sign_out, dispatch_uid="pixtasks.accounts.console.signin")
