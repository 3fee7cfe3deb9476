"""The opt-out list in the console: shown, added to and taken from by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from jobs.console.filters import whole
from jobs.models import OptOut, OptOutKind
from jobs.services.opt_outs import DISTANCE, FARTHEST, add_opt_out, opt_outs, remove_opt_out
from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.accounts.console.pages import actor_of, done
from pixtasks.common.errors import InvalidInput, PixtasksError
from pixtasks.common.markup import badge, when

_LONGEST = 90


class OptOutDialog(BaseDialogForm):
    """What is to be put on the list; what the service refuses is said in the dialog."""

    kind = forms.ChoiceField(choices=OptOutKind.choices, widget=UnfoldAdminSelectWidget)
    value = forms.CharField(
        max_length=8000,
        widget=UnfoldAdminTextInputWidget,
        help_text="A domain, an address, a sha256, or a perceptual hash of 16 hexadecimal digits.",
    )
    reason = forms.CharField(
        max_length=1000, required=False, widget=UnfoldAdminTextInputWidget, help_text="Who asked, which ticket."
    )
    distance = forms.IntegerField(
        min_value=0,
        max_value=FARTHEST,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"Of look-alikes alone: how many bits may differ; {DISTANCE} where it is left empty.",
    )

    def clean(self) -> dict[str, Any]:
        """Add the entry."""
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.entry = add_opt_out(
                    kind=data["kind"],
                    value=data["value"],
                    reason=data["reason"],
                    distance=data["distance"],
                    **actor_of(self.request),
                )
            except InvalidInput as error:
                for fault in error.errors:
                    self.add_error(str(fault.loc[-1]), fault.msg)
            except PixtasksError as error:
                self.add_error("value", error.message)
        return data


class OptOutAdmin(ReadOnlyAdmin):
    """What is not fetched, and is removed where it was stored."""

    list_display = ("what", "kind_word", "removed", "reason", "by", "age")
    list_filter = ("kind",)
    list_select_related = ("added_by",)
    search_fields = ("value",)
    search_help_text = "A part of a domain or an address, a sha256"
    sortable_by = ()
    ordering = ("-id",)
    fields = ("whole_value", "kind_word", "distance", "reason", "removed", "by", "age")
    readonly_fields = fields
    actions_list = ("add_entry",)
    actions_detail = ("take_off",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OptOut]:
        """Return the entries, without those of the files that were removed for another's sake."""
        return opt_outs()

    def get_fields(self, request: HttpRequest, obj: OptOut | None = None) -> list[str]:
        """Leave out the distance where it means nothing."""
        without = set() if obj is None or obj.kind == OptOutKind.LOOK_ALIKE else {"distance"}
        return [name for name in self.fields if name not in without]

    @action(
        description="Add…", url_path="put-on", icon="block", permissions=["operate"],
        dialog={
            "title": "Put something on the opt-out list?",
            "description": "It is not fetched any more, and every stored image of it is removed, with its file. "
            "Removed images do not come back by themselves.",
            "form_class": OptOutDialog,
            "form_submit_text": "Put it on the list",
        },
    )  # fmt: skip
    def add_entry(self, request: HttpRequest, form: OptOutDialog) -> HttpResponse:
        """Say that it was added."""
        self.message_user(request, f"{form.entry.value} is on the opt-out list.", messages.SUCCESS)
        return done(reverse("admin:jobs_optout_changelist"))

    @action(
        description="Take off the list…", url_path="take-off", icon="undo", permissions=["operate"],
        dialog={
            "title": "Take this entry off the opt-out list?",
            "description": "What it names may be fetched again. Images that were removed stay removed.",
            "form_class": None,
            "form_submit_text": "Take it off",
        },
    )  # fmt: skip
    def take_off(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Remove the entry."""
        pk = whole(object_id)
        entry = opt_outs().filter(pk=pk).first() if pk is not None else None
        if entry is None:
            raise Http404
        remove_opt_out(entry, **actor_of(request))
        self.message_user(request, f"{entry.value} may be fetched again.", messages.SUCCESS)
        return done(reverse("admin:jobs_optout_changelist"))

    @display(description="Value")
    def what(self, obj: OptOut) -> SafeString:
        """Return the value, cut to one line."""
        shown = obj.value if len(obj.value) <= _LONGEST else f"{obj.value[:_LONGEST]}…"
        return format_html('<span class="px-mono" title="{}">{}</span>', obj.value[:500], shown)

    @display(description="Value")
    def whole_value(self, obj: OptOut) -> SafeString:
        """Return the value as it stands on the list."""
        return format_html('<span class="px-mono">{}</span>', obj.value)

    @display(description="Kind")
    def kind_word(self, obj: OptOut) -> SafeString:
        """Return what it names."""
        return badge(obj.kind, colour="default")

    @display(description="Images removed")
    def removed(self, obj: OptOut) -> str:
        """Return how many images were removed for its sake."""
        return f"{obj.removed_images:,}"

    @display(description="Added by", empty_value="–")
    def by(self, obj: OptOut) -> str | None:
        """Return who added it."""
        return str(obj.added_by) if obj.added_by is not None else None

    @display(description="Added")
    def age(self, obj: OptOut) -> SafeString:
        """Return when it was added."""
        return when(obj.created_at)
