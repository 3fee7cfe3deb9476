"""What the console's pages of every app share."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from pixtasks.common.throttles import caller_address

from .models import User
from .services.audit import audit


class AuditedAdmin(ModelAdmin):
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


class ReadOnlyAdmin(ModelAdmin):
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
