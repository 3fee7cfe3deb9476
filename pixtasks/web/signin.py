"""Signing in, signing out."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from pixtasks.accounts.services.sessions import begin_session, end_session
from pixtasks.common.errors import NotAuthenticated, RateLimited
from pixtasks.common.throttles import caller_address
from pixtasks.web.pages import Page, safe_next, show


class SignInForm(forms.Form):
    """Address and password."""

    email = forms.CharField(
        label="Email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True, "spellcheck": "false"}),
    )
    password = forms.CharField(
        max_length=4096, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


@method_decorator((sensitive_post_parameters("password"), csrf_protect), name="dispatch")
class SignIn(Page):
    """The sign-in page. Failed attempts are limited as those of the API are, in the same counters."""

    open_to_all = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for address and password; who is signed in already goes on."""
        if request.user.is_authenticated:
            return redirect(safe_next(request))
        return self._page(request, SignInForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in, and go to where the page was asked from."""
        form = SignInForm(request.POST)
        if not form.is_valid():
            return self._page(request, form, 422)
        try:
            begin_session(
                request,
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password"],
                address=caller_address(request),
            )
        except RateLimited as error:
            form.add_error(None, error.message)
            response = self._page(request, form, error.status)
            response["Retry-After"] = str(max(1, round(error.retry_after)))
            return response
        except NotAuthenticated as error:
            form.add_error(None, error.message)
            return self._page(request, form, error.status)
        return redirect(safe_next(request))

    @staticmethod
    def _page(request: HttpRequest, form: SignInForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "next": safe_next(request), "here": settings.PIXTASKS_PROFILE == "development"}
        return show(request, "web/sign_in.html", context, status=status)


class SignOut(Page):
    """Signs out."""

    open_to_all = True

    def post(self, request: HttpRequest) -> HttpResponse:
        """End the session."""
        end_session(request, address=caller_address(request))
        return redirect(reverse("home"))
