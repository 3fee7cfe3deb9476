"""Console pages of users, API keys and the audit log."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from pixtasks.common.throttles import caller_address

from .console import AuditedAdmin, ReadOnlyAdmin
from .models import ApiKey, AuditEntry, IdempotencyRecord, Scope, User
from .services.users import create_api_key, revoke_api_key


class NewUserForm(UserCreationForm):
    """Address and password of a new user."""

    class Meta:
        model = User
        fields = ("email",)


class UserForm(UserChangeForm):
    """Everything of a user but the password, which has its own page."""

    class Meta:
        model = User
        fields = "__all__"
        field_classes: dict[str, Any] = {}


@admin.register(User)
class UserAdmin(DjangoUserAdmin, AuditedAdmin):
    """Users are switched off, never deleted: what they made stays theirs."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """The built-in user stays as it is."""
        return super().has_change_permission(request, obj) and not (obj is not None and obj.is_local)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody deletes users."""
        return False


class ApiKeyForm(forms.ModelForm):
    """An API key, its scopes as check boxes."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text="Usually none."
    )

    class Meta:
        model = ApiKey
        fields = ("owner", "name", "scopes", "expiry_date")


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin):
    """API keys: the key itself is shown once, when it is made."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "owner", "scope_words", "state", "expiry_date", "last_used_at", "created")
    list_filter = ("revoked",)
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__email")
    autocomplete_fields = ("owner",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Return what a new key asks for, or all that is known of one."""
        asked = ("owner", "name", "scopes", "expiry_date")
        return asked if obj is None else (*asked, "prefix", "revoked", "last_used_at", "created")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """A key never changes its owner, and is revoked by the action only."""
        return () if obj is None else ("owner", "prefix", "revoked", "last_used_at", "created")

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked, so that the audit log can still name them."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Save; a new key is made by the service and shown once."""
        if change:
            super().save_model(request, obj, form, change)
            return
        assert isinstance(request.user, User)
        made, text = create_api_key(
            owner=obj.owner,
            name=obj.name,
            scopes=obj.scopes,
            expires_at=obj.expiry_date,
            actor=request.user,
            address=caller_address(request),
        )
        obj.pk, obj.prefix, obj.hashed_key, obj.created = made.pk, made.prefix, made.hashed_key, made.created
        obj._state.adding = False
        self.message_user(request, f"The key is {text} – copy it now, it is not shown again.", messages.WARNING)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """The service has written the audit entry; only the console's own history is left."""
        return super(AuditedAdmin, self).log_addition(request, obj, message)

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Refuse these keys from now on."""
        assert isinstance(request.user, User)
        keys = list(queryset)
        for key in keys:
            revoke_api_key(key=key, actor=request.user, address=caller_address(request))
        self.message_user(request, f"{len(keys)} key(s) revoked.", messages.SUCCESS)

    @display(description="Scopes")
    def scope_words(self, obj: ApiKey) -> str:
        """Return the scopes as words."""
        return ", ".join(obj.scopes) or "–"

    @display(description="State", label={"live": "success", "revoked": "danger", "expired": "warning"})
    def state(self, obj: ApiKey) -> str:
        """Return whether the key works."""
        if obj.revoked:
            return "revoked"
        return "expired" if obj.has_expired else "live"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit log."""

    list_display = ("created_at", "actor_name", "action", "object_type", "object_id", "address")
    list_filter = ("action", "object_type")
    search_fields = ("actor_name", "action", "object_id")
    date_hierarchy = "created_at"
    show_full_result_count = False


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Requests that came with an Idempotency-Key, and what they were answered."""

    list_display = ("created_at", "user", "method", "path", "key", "status")
    list_filter = ("method", "status")
    list_select_related = ("user",)
    search_fields = ("key", "path", "user__email")
    show_full_result_count = False
