"""What the console's pages of every app share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.contrib.admin import ShowFacets
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Field, Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.markup import when
from pixtasks.common.throttles import caller_address

from .lists import InfinitePaginator

OPERATE = "accounts.operate"
"""The permission to start, cancel, retry and change what others own."""


@cache
def _ago(field: Field[Any, Any]) -> Callable[[Model], str]:
    """Return the column of a time: how long ago, in the reader's zone on hover."""

    def column(obj: Model) -> str:
        return when(getattr(obj, field.attname))

    column.__name__ = field.name
    column.short_description = field.verbose_name  # type: ignore[attr-defined]
    column.admin_order_field = field.name  # type: ignore[attr-defined]
    return column


class ConsoleAdmin(ModelAdmin):
    """What every page of the console has in common: no list counts its table."""

    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # Each would count the rows of each choice.
    list_per_page = 50

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the actions named ``permissions=["operate"]`` are offered."""
        return request.user.has_perm(OPERATE)

    def has_audit_log_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether links to the audit log are offered."""
        return request.user.has_perm("accounts.view_auditentry")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns, those of times in the reader's zone."""
        return [self._in_their_zone(name) for name in super().get_list_display(request)]

    def _in_their_zone(self, name: Any) -> Any:
        try:
            field = self.opts.get_field(name) if isinstance(name, str) else None
        except FieldDoesNotExist:
            return name
        return _ago(field) if isinstance(field, DateTimeField) else name


class AuditedAdmin(ConsoleAdmin):
    """A page whose additions, changes and deletions are audited like those over HTTP."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Record that an object was added."""
        self._audit(request, "added", obj, {"changes": message})
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Record that an object was changed; also called for a new password."""
        self._audit(request, "changed", obj, {"changes": message})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Record what is about to be deleted."""
        for obj in queryset:
            self._audit(request, "deleted", obj, {"name": str(obj)})
        return super().log_deletions(request, queryset)

    @staticmethod
    def _audit(request: HttpRequest, verb: str, obj: Model, detail: dict[str, Any]) -> None:
        assert isinstance(request.user, User)
        audit(
            f"{obj._meta.model_name}.{verb}",
            actor=request.user,
            target=obj,
            detail=detail,
            address=caller_address(request),
        )


class ReadOnlyAdmin(ConsoleAdmin):
    """A page that shows rows and changes none."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes; without this the page would show Save buttons."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False
