"""The console's page of API keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from pixtasks.accounts.models import ApiKey, Scope, User
from pixtasks.accounts.services.api_keys import check_expiry, check_scopes, manages_keys, new_key, revoke_key
from pixtasks.common.commands import sentence
from pixtasks.common.errors import InvalidInput, PixtasksError
from pixtasks.common.markup import badge, when

from .admins import AuditedAdmin
from .cells import code, strong, two_lines
from .pages import actor_of, done, page

STATES = {"live": "success", "revoked": "default", "expired": "warning", "owner off": "danger"}


class ApiKeyForm(forms.ModelForm):
    """An API key, its scopes as check boxes."""

    actor: User
    address: str
    text = ""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None: the key may what its owner may. The two exclude each other.",
    )

    class Meta:
        model = ApiKey
        fields = ("owner", "name", "scopes", "expiry_date")
        labels = {"expiry_date": "Expires"}
        help_texts = {
            "owner": "Whom the key acts as; it may never more than that user.",
            "name": "What uses it, such as “nightly export”.",
            "expiry_date": "Empty: never. Times are UTC.",
        }

    def clean_expiry_date(self) -> Any:
        """Refuse an end that is over."""
        end = self.cleaned_data["expiry_date"]
        if "expiry_date" in self.changed_data:
            try:
                check_expiry(end)
            except InvalidInput as error:
                raise forms.ValidationError(error.errors[0].msg) from error
        return end

    def clean(self) -> dict[str, Any]:
        """Make a new key by the service; what it refuses is said here, and nothing was made."""
        data = super().clean() or self.cleaned_data
        if self.errors or self.instance.pk is not None:
            return data
        try:
            check_scopes(data["scopes"], granted_by_operator=True)  # Whoever manages keys may grant each.
            self.made, self.text = new_key(
                caller=self.actor,
                name=data["name"],
                scopes=data["scopes"],
                expires_at=data["expiry_date"],
                owner=data["owner"].email,
                address=self.address,
            )
        except PixtasksError as error:
            self.add_error(None, sentence(error))
        return data

    def save(self, commit: bool = True) -> ApiKey:
        """Return the key; a new one was saved by the service."""
        if self.text:
            self.instance = self.made
            return self.instance
        key: ApiKey = super().save(commit)
        return key

    def save_m2m(self) -> None:
        """There is nothing of the kind."""


class StateFilter(admin.SimpleListFilter):
    """Keys by whether they work."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [("live", "Live"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        """Return the keys in the chosen one."""
        over = Q(expiry_date__lte=timezone.now())
        if self.value() == "live":
            return queryset.filter(revoked=False, owner__is_active=True).exclude(over)
        if self.value() == "expired":
            return queryset.filter(over, revoked=False)
        return queryset.filter(revoked=True) if self.value() == "revoked" else queryset


class ApiKeyAdmin(AuditedAdmin):
    """API keys: the key itself is shown once, when it is made."""

    form = ApiKeyForm
    list_display = ("key_name", "owner_link", "scope_words", "state", "expires", "used", "made")
    list_filter = (StateFilter,)
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__email")
    autocomplete_fields = ("owner",)
    ordering = ("-id",)
    actions = None
    actions_row = ("revoke",)
    actions_detail = ("revoke_this", "audit_log")

    class Media:
        css = {"all": ["pixtasks/access.css"]}

    def has_manage_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the caller may revoke keys."""
        assert isinstance(request.user, User)
        return manages_keys(request.user)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Return what a new key asks for, or all that is known of one."""
        if obj is None:
            return ("owner", "name", "scopes", "expiry_date")
        return ("name", "expiry_date", "owner", "scope_words", "state", "prefix", "used", "made")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """A key never changes its owner or scopes, and is revoked by the action only."""
        return () if obj is None else ("owner", "scope_words", "state", "prefix", "used", "made")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A revoked key stays as it is."""
        return super().has_change_permission(request, obj) and not (isinstance(obj, ApiKey) and obj.revoked)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked, so that the audit log can still name them."""
        return False

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, which knows who asks."""
        base = super().get_form(request, obj, change, **kwargs)
        return type(base.__name__, (base,), dict(actor_of(request)))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the caller as the owner."""
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Save what changed; a new key was made by the service."""
        if change:
            super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service has written the audit entry; only the console's own history is left."""
        return super(AuditedAdmin, self).log_addition(request, obj, message)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form; after it the key, this once and never from a cache."""
        response: HttpResponse = super().add_view(request, form_url, extra_context)
        response["Cache-Control"] = "no-store"
        return response

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key."""
        context = {"key": obj, "text": obj.__dict__.get("shown_once", ""), "list_url": self._list_url()}
        return page(self, request, "pixtasks/console/new_key.html", "The new API key", context)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Keep the key's text beside the row for the page that shows it."""
        obj = super().save_form(request, form, change)
        if form.text:
            obj.__dict__["shown_once"] = form.text
        return obj

    @action(
        description="Revoke…", url_path="revoke", icon="block", permissions=["manage"],
        dialog={
            "title": "Revoke this API key?",
            "description": "Whatever uses it is refused from now on. It cannot be brought back: make a new one.",
            "form_class": None,
            "form_submit_text": "Revoke the key",
        },
    )  # fmt: skip
    def revoke(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Refuse the key from now on."""
        return self._revoke(request, object_id, self._list_url())

    @action(
        description="Revoke…", url_path="revoke-this", icon="block", permissions=["manage"],
        dialog={
            "title": "Revoke this API key?",
            "description": "Whatever uses it is refused from now on. It cannot be brought back: make a new one.",
            "form_class": None,
            "form_submit_text": "Revoke the key",
        },
    )  # fmt: skip
    def revoke_this(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Refuse the key from now on."""
        return self._revoke(request, object_id, reverse("admin:accounts_apikey_change", args=[object_id]))

    @action(description="Audit log", url_path="did", icon="history", permissions=["audit_log"])
    def audit_log(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to what was done with the key."""
        where = reverse("admin:accounts_auditentry_changelist")
        return redirect(f"{where}?about={ApiKey._meta.label_lower}:{object_id}")

    def _revoke(self, request: HttpRequest, object_id: str, back: str) -> HttpResponse:
        key = self.get_object(request, object_id)
        if key is None:
            raise Http404
        actor = actor_of(request)
        try:
            revoke_key(key, caller=actor["actor"], address=actor["address"])
            self.message_user(request, f"The key {key.name} ({key.prefix}…) is revoked.", messages.SUCCESS)
        except PixtasksError as error:
            self.message_user(request, error.message, messages.WARNING)
        return done(back)

    @staticmethod
    def _list_url() -> str:
        return reverse("admin:accounts_apikey_changelist")

    @display(description="Key", ordering="name")
    def key_name(self, obj: ApiKey) -> SafeString:
        """Return the name and how the key begins."""
        return two_lines(strong(obj.name), code(f"{obj.prefix}…"))

    @display(description="Owner", ordering="owner__email")
    def owner_link(self, obj: ApiKey) -> str:
        """Return whose it is."""
        return str(obj.owner)

    @display(description="Scopes")
    def scope_words(self, obj: ApiKey) -> SafeString | str:
        """Return the scopes as words."""
        found = format_html_join(" ", "{}", ((badge(scope, colour="info"),) for scope in obj.scopes))
        return found or "as its owner"

    @display(description="State")
    def state(self, obj: ApiKey) -> SafeString:
        """Return whether the key works."""
        word = "revoked" if obj.revoked else "expired" if obj.has_expired else "live"
        if word == "live" and not obj.owner.is_active:
            word = "owner off"
        return badge(word, colour=STATES[word])

    @display(description="Expires", ordering="expiry_date")
    def expires(self, obj: ApiKey) -> SafeString | str:
        """Return when it ends."""
        return when(obj.expiry_date) if obj.expiry_date is not None else "never"

    @display(description="Last used", ordering="last_used_at")
    def used(self, obj: ApiKey) -> SafeString | str:
        """Return when it was used last."""
        return when(obj.last_used_at) if obj.last_used_at is not None else "never"

    @display(description="Made", ordering="created")
    def made(self, obj: ApiKey) -> SafeString:
        """Return when it was made."""
        return when(obj.created)
