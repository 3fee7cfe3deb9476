"""The console's page of the audit log, in words."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from pixtasks.accounts.models import AuditEntry, Origin, User
from pixtasks.common.markup import badge, link, moment, when
from pixtasks.common.times import wire_time

from .admins import ReadOnlyAdmin
from .cells import two_lines

ORIGIN_COLOURS: Final = {
    Origin.CONSOLE: "info",
    Origin.API: "success",
    Origin.PAGES: "success",
    Origin.COMMAND: "warning",
    Origin.SYSTEM: "default",
}
WORDS: Final = {
    "signed_in": "signed in",
    "signed_out": "signed out",
    "apikey.created": "made an API key",
    "apikey.changed": "changed an API key",
    "apikey.revoked": "revoked an API key",
    "user.signed_out_everywhere": "signed somebody out everywhere",
    "user.password_changed": "changed his password",
    "user.deactivated": "switched a user off",
    "user.activated": "switched a user on",
    "crawl_job.recounted": "recounted a job",
    "group.recounted": "recounted a group of tasks",
    "tally.recounted": "recounted the ledger's totals",
    "task.run_now": "let a task run at once",
    "task.prioritised": "changed a task's priority",
    "task.repeated": "submitted a task again",
    "schedule.run_now": "ran a schedule at once",
    "schedule.skipped": "skipped a schedule's run",
    "schedule.refused": "could not run a schedule",
    "webhook.rotated": "gave a webhook a new secret",
    "webhook.redelivered": "sent a webhook's delivery again",
    "doctor.mended": "mended what the doctor found",
    "ledger.imported": "imported an older ledger",
    "installation.backed_up": "made a backup",
    "installation.restored": "restored a backup",
}
"""What an action says; others are made of their own words."""
_KINDS: Final = {
    "crawl_job": "job", "gather_run": "gather run", "task_type": "task type", "periodictask": "schedule",
    "crontabschedule": "crontab", "intervalschedule": "interval", "clockedschedule": "clocked time",
    "solarschedule": "solar event", "apikey": "API key", "crawljob": "job", "gatherrun": "gather run",
    "tasktype": "task type", "webhookendpoint": "webhook", "validation": "validation",
}  # fmt: skip
_MOST_PEOPLE = 20
_MOST_ROWS = 100_000
_LONGEST = 140


def words(entry: AuditEntry) -> str:
    """Return what was done, as words that follow the actor."""
    said = WORDS.get(entry.action)
    if said is not None:
        return said
    kind, _, verb = entry.action.partition(".")
    if not verb:
        return entry.action.replace("_", " ")
    noun = _KINDS.get(kind, kind.replace("_", " "))
    article = "an" if noun[:1].lower() in "aeiou" else "a"
    return f"{verb.replace('_', ' ')} {article} {noun}"


def object_url(entry: AuditEntry) -> str:
    """Return the page of what it was done to; empty where the console has none."""
    if not entry.object_id.isdecimal() or "deleted" in entry.action or "removed" in entry.action:
        return ""
    try:
        model = apps.get_model(entry.object_type)
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[entry.object_id])
    except (LookupError, ValueError, NoReverseMatch):
        return ""


def object_name(entry: AuditEntry) -> str:
    """Return what it was done to, as its name in the entry or as kind and number."""
    detail = entry.detail if isinstance(entry.detail, dict) else {}
    for key in ("name", "schedule", "slug", "prefix", "task", "host"):
        if isinstance(detail.get(key), str) and detail[key]:
            return str(detail[key])
    kind = entry.object_type.rpartition(".")[2]
    return f"{_KINDS.get(kind, kind)} {entry.object_id}".strip()


def facts(entry: AuditEntry) -> str:
    """Return the rest of the entry on one line, shortened."""
    detail = entry.detail if isinstance(entry.detail, dict) else {}
    shown = object_name(entry)
    parts = [f"{key.replace('_', ' ')}: {_plain(value)}" for key, value in detail.items() if value != shown]
    text = " · ".join(parts)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class OriginFilter(admin.SimpleListFilter):
    """Through what it came."""

    title = "came through"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the ways."""
        return [(each.value, str(each.label)) for each in Origin]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Return the entries of the chosen one."""
        return queryset.filter(origin=self.value()) if self.value() in Origin.values else queryset


class PeriodFilter(admin.SimpleListFilter):
    """How long ago."""

    title = "period"
    parameter_name = "period"
    SPANS: Final = {"hour": (1, "Last hour"), "day": (24, "Last 24 hours"), "week": (168, "Last 7 days"),
                    "month": (720, "Last 30 days")}  # fmt: skip

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the periods."""
        return [(word, text) for word, (_, text) in self.SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Return the entries since then."""
        span = self.SPANS.get(self.value() or "")
        return queryset.filter(created_at__gte=timezone.now() - timedelta(hours=span[0])) if span else queryset


class AboutFilter(admin.SimpleListFilter):
    """What it was done to: a kind of things, or one thing as ``kind:id``."""

    title = "about"
    parameter_name = "about"
    KINDS: Final = (
        ("jobs.crawljob", "Jobs"), ("jobs.project", "Projects"), ("tasktypes.task", "Tasks"),
        ("tasktypes.tasktype", "Task types"), ("gather.gatherrun", "Gather runs"),
        ("django_celery_beat.periodictask", "Schedules"), ("tasktypes.webhookendpoint", "Webhooks"),
        ("tasktypes.webhookdelivery", "Deliveries"), ("accounts.user", "Users"), ("accounts.apikey", "API keys"),
        ("auth.group", "Groups"),
    )  # fmt: skip

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds."""
        return list(self.KINDS)

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Return the entries about the chosen one."""
        kind, _, key = (self.value() or "").partition(":")
        if key:
            return queryset.filter(object_type=kind, object_id=key)
        return queryset.filter(object_type=kind) if kind else queryset


class ActorFilter(admin.SimpleListFilter):
    """Who did it: staff by name; others are reached from their page or the search."""

    title = "actor"
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the staff."""
        rows = User.objects.filter(is_staff=True).order_by("email")[:_MOST_PEOPLE]
        return [(str(user.pk), str(user)) for user in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Return what that user did."""
        value = self.value() or ""
        return queryset.filter(actor_id=int(value)) if value.isdecimal() and len(value) < 19 else queryset


class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit log: who did what, from where, in words. Nobody changes it."""

    list_display = ("at", "who", "line", "came")
    list_display_links = ("at",)
    list_filter = (PeriodFilter, OriginFilter, AboutFilter, ActorFilter)
    list_select_related = ("actor",)
    search_fields = ("object_id",)
    search_help_text = "The beginning of an actor's address, or an object's whole number or id."
    ordering = ("-id",)
    fields = ("exactly", "who", "did", "about", "came", "shown_detail")
    readonly_fields = fields
    actions_list = ("export",)

    class Media:
        css = {"all": ["pixtasks/access.css"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Look for an actor, else for an object: each by an index, and never by both at once."""
        term = search_term.strip()
        if not term:
            return queryset, False
        people = list(User.objects.filter(email__istartswith=term).values_list("pk", flat=True)[:_MOST_PEOPLE])
        if people:
            return queryset.filter(actor_id__in=people), False
        if "@" in term:  # The account that a command ran under.
            return queryset.filter(origin=Origin.COMMAND, actor_name__startswith=term), False
        if term in WORDS or "." in term:
            return queryset.filter(action=term), False
        return queryset.filter(object_id=term), False

    @action(description="Export as CSV", url_path="export", icon="download", permissions=["view"])
    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """Return what the list shows now as a file, newest first, a hundred thousand entries at most."""
        rows = self.get_changelist_instance(request).get_queryset(request)[:_MOST_ROWS]
        response = StreamingHttpResponse(_csv(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="audit-log.csv"'
        return response

    @display(description="When", ordering="id")
    def at(self, obj: AuditEntry) -> SafeString:
        """Return how long ago; the exact time on hover."""
        return when(obj.created_at)

    @display(description="When")
    def exactly(self, obj: AuditEntry) -> SafeString:
        """Return the exact time."""
        return moment(obj.created_at)

    @display(description="Who")
    def who(self, obj: AuditEntry) -> SafeString:
        """Return who did it, with a link to all he did."""
        if obj.actor is None:
            return format_html('<span class="px-sub">{}</span>', obj.actor_name)
        url = f"{reverse('admin:accounts_auditentry_changelist')}?actor={obj.actor.pk}"
        return format_html('<div class="px-who">{}</div>', link(url, obj.actor))

    @display(description="What")
    def line(self, obj: AuditEntry) -> SafeString:
        """Return what was done to what, and the other facts below it."""
        return two_lines(
            format_html('{} <span class="px-to">{}</span>', self.did(obj), self.about(obj)), facts(obj), kind="px-said"
        )

    @display(description="What")
    def did(self, obj: AuditEntry) -> SafeString:
        """Return what was done."""
        return format_html('<span title="{}">{}</span>', obj.action, words(obj))

    @display(description="To")
    def about(self, obj: AuditEntry) -> SafeString | str:
        """Return what it was done to."""
        url, name = object_url(obj), object_name(obj)
        return link(url, name) if url else name

    @display(description="From")
    def came(self, obj: AuditEntry) -> SafeString:
        """Return where it came from."""
        shown = badge(obj.get_origin_display(), colour=ORIGIN_COLOURS.get(Origin(obj.origin), "default"))
        return two_lines(shown, obj.address or "", kind="px-address")

    @display(description="Details")
    def shown_detail(self, obj: AuditEntry) -> SafeString:
        """Return all facts."""
        return format_html('<pre class="px-json">{}</pre>', json.dumps(obj.detail, ensure_ascii=False, indent=2))


class _Line(io.StringIO):
    def take(self) -> str:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


def _csv(rows: QuerySet[AuditEntry]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(["time", "actor", "action", "object_type", "object_id", "origin", "address", "detail"])
    yield line.take()
    for row in rows.iterator(chunk_size=2000):
        detail = json.dumps(row.detail, ensure_ascii=False)
        cells = [row.actor_name, row.action, row.object_type, row.object_id, row.origin, row.address or "", detail]
        # A spreadsheet would run what begins like a formula.
        safe = [f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]
        writer.writerow([wire_time(row.created_at), *safe])
        yield line.take()
