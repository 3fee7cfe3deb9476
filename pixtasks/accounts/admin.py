"""Console pages of users, groups, API keys and the audit log; each is in a module of ``console/``."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group

from .console import ReadOnlyAdmin
from .console.audit_log import AuditEntryAdmin
from .console.groups import GroupAdmin
from .console.keys import ApiKeyAdmin
from .console.people import UserAdmin
from .console.signin import ConsoleSignInForm
from .models import ApiKey, AuditEntry, IdempotencyRecord, User

admin.site.login_form = ConsoleSignInForm
admin.site.unregister(Group)
admin.site.register(Group, GroupAdmin)
admin.site.register(User, UserAdmin)
admin.site.register(ApiKey, ApiKeyAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Requests that came with an Idempotency-Key, and what they were answered."""

    list_display = ("created_at", "user", "method", "path", "key", "status")
    list_filter = ("method", "status")
    list_select_related = ("user",)
    search_fields = ("=key",)
