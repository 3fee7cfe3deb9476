"""The console's pages of users."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, Q, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from pixtasks.accounts.models import User
from pixtasks.accounts.roles import Role, may_manage
from pixtasks.accounts.services import people
from pixtasks.common.commands import sentence
from pixtasks.common.errors import InvalidInput, PixtasksError
from pixtasks.common.markup import badge, when

from .admins import AuditedAdmin
from .cells import strong, two_lines
from .pages import actor_of, done

STANDING_COLOURS = {
    people.SUPERUSER: "danger",
    Role.ADMINISTRATOR.value: "warning",
    Role.OPERATOR.value: "info",
    Role.VIEWER.value: "success",
}
NO_GROUPS = "There are no groups besides the three roles."


class PersonForm(forms.ModelForm):
    """What an administrator says of a user; what he may say depends on what he may himself."""

    actor: User
    address: str

    standing = forms.ChoiceField(label="Role", widget=UnfoldAdminRadioSelectWidget, initial=people.USER)
    own_groups = forms.ModelMultipleChoiceField(
        label="Other groups",
        queryset=Group.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Rights beside the role's. The three roles are chosen above.",
    )

    class Meta:
        model = User
        fields: tuple[str, ...] = ("email", "name")
        widgets = {"email": UnfoldAdminTextInputWidget, "name": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = people.standings_for(self.actor)
        others = Group.objects.exclude(name__in=Role.values).order_by("name")
        if self.instance.pk is not None:
            stands = people.standing_of(self.instance)
            self.fields["standing"].initial = stands
            self.fields["own_groups"].initial = self.instance.groups.exclude(name__in=Role.values)
            if stands not in dict(choices):
                choices.append((stands, dict(people.STANDINGS)[stands]))
        self.fields["standing"].choices = choices  # type: ignore[attr-defined]
        self.fields["own_groups"].queryset = others  # type: ignore[attr-defined]
        if not others:
            self.fields["own_groups"].help_text = NO_GROUPS

    def clean(self) -> dict[str, Any]:
        """Ask the service; what it refuses stands beside the field, and nothing was changed."""
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.work(data)
            except InvalidInput as error:
                for fault in error.errors:
                    name = str(fault.loc[-1]) if fault.loc else ""
                    self.add_error(name if name in self.fields else None, fault.msg)
            except PixtasksError as error:
                self.add_error(None, sentence(error))
        return data

    def _post_clean(self) -> None:
        """The service has checked and saved; the instance is not to be filled from the form."""

    def work(self, data: dict[str, Any]) -> None:
        """Change the user."""
        people.change_user(
            self.instance,
            email=data["email"],
            name=data["name"],
            is_active=data["is_active"],
            standing=data["standing"],
            groups=data["own_groups"],
            actor=self.actor,
            address=self.address,
        )

    def save(self, commit: bool = True) -> User:
        """Return the user, who is saved already."""
        return self.instance

    def save_m2m(self) -> None:
        """The service has saved the groups."""


class ChangePersonForm(PersonForm):
    """A user who is there."""

    is_active = forms.BooleanField(
        label="May sign in",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Off: signed out everywhere at once, and every API key of the user is refused.",
    )

    class Meta(PersonForm.Meta):
        fields: tuple[str, ...] = ("email", "name", "is_active")


class NewPersonForm(PersonForm):
    """A user to be made."""

    made = ""
    password = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Empty: one is made and shown once, for you to hand over. It can be changed under “Account”.",
    )

    def work(self, data: dict[str, Any]) -> None:
        """Make the user."""
        self.instance, self.made = people.new_user(
            email=data["email"],
            name=data["name"],
            password=data["password"],
            standing=data["standing"],
            groups=data["own_groups"],
            actor=self.actor,
            address=self.address,
        )


class RoleFilter(admin.SimpleListFilter):
    """Users of a role."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the roles."""
        return [(word, word.capitalize()) for word, _ in people.STANDINGS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Return the users of the chosen one."""
        value = self.value()
        if value == people.SUPERUSER:
            return queryset.filter(is_superuser=True)
        staff = queryset.filter(is_superuser=False, is_staff=True)
        if value == people.USER:
            return queryset.filter(is_superuser=False, is_staff=False)
        if value == people.STAFF:
            return staff.exclude(groups__name__in=Role.values)
        return staff.filter(groups__name=value) if value in Role.values else queryset


class UserAdmin(DjangoUserAdmin, AuditedAdmin):  # type: ignore[misc]  # The stubs of unfold and Django differ.
    """Users are switched off, never deleted: what they made stays theirs."""

    form = ChangePersonForm
    add_form = NewPersonForm
    add_form_template = "admin/change_form.html"
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("person", "standing", "may_sign_in", "key_count", "signed_in", "joined")
    list_filter = (RoleFilter, "is_active")
    search_fields = ("email", "name")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "is_active")}),
        ("Rights", {"fields": ("standing", "own_groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Rights", {"fields": ("standing", "own_groups")}),
    )
    actions = None

    class Media:
        css = {"all": ["pixtasks/access.css"]}

    actions_detail = ("set_password", "sign_out_everywhere", "audit_log")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the users with what the list shows of them, in a fixed number of queries."""
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.prefetch_related("groups").annotate(keys=Count("api_keys", filter=Q(api_keys__revoked=False)))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The built-in user stays as it is, and nobody changes whoever may more than himself."""
        if not super().has_change_permission(request, obj):
            return False
        if isinstance(obj, str):  # unfold asks with the id, where an action is about one object.
            obj = User.objects.filter(pk=obj).first() if obj.isdecimal() else None
        assert isinstance(request.user, User)
        return not isinstance(obj, User) or (not obj.is_local and may_manage(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody deletes users."""
        return False

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, which knows who asks."""
        base = super().get_form(request, obj, change=change, **kwargs)
        return type(base.__name__, (base,), dict(actor_of(request)))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """The form's service has saved; a password that was made is shown this once."""
        if isinstance(form, NewPersonForm) and form.made:
            text = f"The password of {obj.email} is {form.made} – copy it now, it is not shown again."
            self.message_user(request, text, messages.WARNING)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service has written the audit entry; only the console's own history is left."""
        return super(AuditedAdmin, self).log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record a new password; other changes were recorded by the service."""
        match = request.resolver_match
        if match is not None and match.url_name == "auth_user_password_change":
            return super().log_change(request, obj, message)
        return super(AuditedAdmin, self).log_change(request, obj, message)

    @action(description="Set a password", url_path="set-password", icon="password", permissions=["change"])
    def set_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the form."""
        return redirect("admin:auth_user_password_change", object_id)

    @action(
        description="Sign out everywhere…", url_path="sign-out", icon="logout", permissions=["change"],
        dialog={
            "title": "Sign this user out everywhere?",
            "description": "Every session and every access token ends at once. The password stays, and so do API keys: "
            "revoke those on their own page.",
            "form_class": None,
            "form_submit_text": "Sign out everywhere",
        },
    )  # fmt: skip
    def sign_out_everywhere(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """End all of a user's sessions and tokens."""
        user = self.get_object(request, object_id)
        if user is None:
            raise Http404
        try:
            people.sign_out_everywhere(user, **actor_of(request))
            self.message_user(request, f"{user.email} is signed out everywhere.", messages.SUCCESS)
        except PixtasksError as error:
            self.message_user(request, error.message, messages.WARNING)
        return done(reverse("admin:accounts_user_change", args=[object_id]))

    @action(description="What he did", url_path="did", icon="history", permissions=["audit_log"])
    def audit_log(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the user's entries of the audit log."""
        return redirect(f"{reverse('admin:accounts_auditentry_changelist')}?actor={object_id}")

    @display(description="User", ordering="email")
    def person(self, obj: User) -> SafeString:
        """Return address and name."""
        return two_lines(strong(obj.get_short_name()), obj.name)

    @display(description="Role")
    def standing(self, obj: User) -> SafeString:
        """Return what somebody is, and his groups."""
        word = "built in" if obj.is_local else people.standing_of(obj)
        others = ", ".join(sorted(group.name for group in obj.groups.all() if group.name not in Role.values))
        return two_lines(badge(word, colour=STANDING_COLOURS.get(word, "default")), others)

    @display(description="May sign in")
    def may_sign_in(self, obj: User) -> SafeString:
        """Return whether somebody may sign in."""
        if obj.is_local:
            return badge("no", colour="default")
        return badge("yes", colour="success") if obj.is_active else badge("switched off", colour="danger")

    @display(description="API keys", ordering="keys")
    def key_count(self, obj: Any) -> str:
        """Return how many keys work."""
        return str(obj.keys or "–")

    @display(description="Signed in", ordering="last_login")
    def signed_in(self, obj: User) -> SafeString:
        """Return when somebody signed in last."""
        return when(obj.last_login)

    @display(description="Since", ordering="date_joined")
    def joined(self, obj: User) -> SafeString:
        """Return since when the user is there."""
        return when(obj.date_joined)
