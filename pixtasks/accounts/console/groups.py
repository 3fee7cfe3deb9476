"""The console's pages of groups: the three roles, and others of one's own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group, Permission
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextInputWidget,
)

from pixtasks.accounts.models import User
from pixtasks.accounts.roles import Role, may_grant, rights_of
from pixtasks.common.markup import badge

from .admins import AuditedAdmin
from .pages import actor_of
from .people import STANDING_COLOURS


class GroupForm(forms.ModelForm):
    """A group of one's own: a name, and permissions that the maker has himself."""

    actor: User

    permissions = forms.ModelMultipleChoiceField(
        queryset=Permission.objects.none(), required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = Group
        fields = ("name", "permissions")
        widgets = {"name": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Permission.objects.select_related("content_type").order_by(
            "content_type__app_label", "content_type__model", "codename"
        )
        mine = rights_of(self.actor)
        known = [pk for pk, right in _rights(rows) if self.actor.is_superuser or right in mine]
        field = self.fields["permissions"]
        field.queryset = rows.filter(pk__in=known)  # type: ignore[attr-defined]
        field.label_from_instance = _said  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        """Keep the roles' names for the roles."""
        name: str = self.cleaned_data["name"]
        if name in Role.values:
            raise forms.ValidationError("That is one of the three roles; choose another name.")
        return name


def _rights(rows: QuerySet[Permission]) -> list[tuple[int, str]]:
    return [(row.pk, f"{row.content_type.app_label}.{row.codename}") for row in rows]


def _said(permission: Permission) -> str:
    verb, _, _ = permission.codename.partition("_")
    return f"{permission.content_type.app_label}: {verb} {permission.content_type.name}"


class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):  # type: ignore[misc]  # As above.
    """The three roles, which stay as the product has them, and groups of one's own."""

    form = GroupForm
    filter_horizontal = ()
    list_display = ("title", "what", "members", "rights")
    actions = None

    class Media:
        css = {"all": ["pixtasks/access.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Return the groups with their numbers."""
        rows: QuerySet[Group] = super().get_queryset(request)
        return rows.annotate(people=Count("user", distinct=True), permission_count=Count("permissions", distinct=True))

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        """Return what a role's page tells, or what a group of one's own asks for."""
        return ("name", "what", "shown_rights") if obj is not None and not self._open(request, obj) else (
            "name", "permissions",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        """Return what is told and not asked."""
        return ("what", "shown_rights")

    def get_form(self, request: HttpRequest, obj: Group | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, which knows who asks."""
        base = super().get_form(request, obj, change, **kwargs)
        return type(base.__name__, (base,), {"actor": actor_of(request)["actor"]})

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """The roles stay as they are; nobody changes a group that may more than himself."""
        return super().has_change_permission(request, obj) and (obj is None or self._is_his(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """As for changing."""
        return super().has_delete_permission(request, obj) and (obj is None or self._is_his(request, obj))

    def _open(self, request: HttpRequest, obj: Group) -> bool:
        return self.has_change_permission(request, obj)

    @staticmethod
    def _is_his(request: HttpRequest, obj: Group) -> bool:
        assert isinstance(request.user, User)
        rows = Permission.objects.filter(group=obj).select_related("content_type")
        return obj.name not in Role.values and may_grant(request.user, [right for _, right in _rights(rows)])

    @display(description="Group", ordering="name")
    def title(self, obj: Group) -> SafeString:
        """Return the name; a role's in its colour."""
        return badge(obj.name, colour=STANDING_COLOURS.get(obj.name, "default"))

    @display(description="What it is")
    def what(self, obj: Group) -> str:
        """Return a role's sentence."""
        if obj.name not in Role.values:
            return "A group of your own; its rights add to a role's."
        said = str(Role(obj.name).label).partition(": ")[2]
        return said[:1].upper() + said[1:]

    @display(description="Users", ordering="people")
    def members(self, obj: Any) -> SafeString:
        """Return how many users are in it, with a link to them where it is a role."""
        if obj.name not in Role.values:
            return SafeString(str(int(obj.people)))
        url = f"{reverse('admin:accounts_user_changelist')}?role={obj.name}"
        return format_html('<a class="px-link" href="{}">{}</a>', url, obj.people)

    @display(description="Rights", ordering="permission_count")
    def rights(self, obj: Any) -> str:
        """Return how many permissions it has."""
        return f"{obj.permission_count}"

    @display(description="Rights")
    def shown_rights(self, obj: Group) -> SafeString:
        """Return the permissions, by what they are about."""
        found: dict[str, list[str]] = {}
        rows = obj.permissions.select_related("content_type").order_by("content_type__app_label", "content_type__model")
        for row in rows:
            found.setdefault(row.content_type.name, []).append(row.codename.partition("_")[0])
        return format_html(
            '<ul class="px-rights">{}</ul>',
            SafeString("".join(format_html("<li><b>{}</b> {}</li>", *each) for each in _joined(found))),
        )


def _joined(found: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, ", ".join(sorted(verbs))) for name, verbs in sorted(found.items())]
