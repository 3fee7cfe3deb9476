"""The forms of the ledger's pages: launching a task from its type's schema, and the dialogs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from pixtasks.accounts.models import User
from pixtasks.common.errors import FieldError
from tasktypes.console.schema import Input, Path, Reading

PARAMS: Final = "params"
_LEFT_OUT: Final = object()
_MOST_DIGITS: Final = 4000  # Python reads no longer integers.


class JsonText(forms.CharField):
    """A JSON value as text; empty for none."""

    def clean(self, value: Any) -> Any:
        """Read the JSON."""
        text = super().clean(value).strip()
        if not text:
            return _LEFT_OUT
        try:
            return json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}") from error


class Lines(forms.CharField):
    """A list, one item per line; empty for none."""

    def __init__(self, *, item: str, **options: Any) -> None:
        super().__init__(**options)
        self.item = item

    def clean(self, value: Any) -> Any:
        """Split the lines and read each."""
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if not lines:
            return _LEFT_OUT
        try:
            return [_READ_LINE[self.item](line) for line in lines]
        except ValueError as error:
            raise forms.ValidationError("Every line must be a number.") from error


class LaunchForm(forms.Form):
    """What to launch, when, and whose it will be.

    Args:
        reading: the inputs of the type's schema; None for one JSON text.
        owner: who owns it unless another is named.
    """

    priority = forms.IntegerField(min_value=1, max_value=1000, initial=100)
    run_after = forms.CharField(required=False, max_length=40, widget=forms.DateTimeInput({"type": "datetime-local"}))
    zone = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    owner = forms.CharField(required=False, max_length=254)

    def __init__(self, data: Any = None, *, reading: Reading | None, owner: User, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.reading = reading
        self.caller = owner
        self.fields["owner"].initial = owner.email
        self.inputs: dict[str, Input] = {}
        for one in reading.inputs if reading else [Input((), "json", "Parameters", "a JSON object")]:
            name = ".".join((PARAMS, *one.path))
            self.inputs[name] = one
            self.fields[name] = _field(one)
            if one.initial:
                self.fields[name].initial = _shown(one)

    def clean_owner(self) -> User:
        """Find the owner."""
        email = self.cleaned_data["owner"].strip()
        owner = User.objects.filter(email=email.lower(), is_active=True).first() if email else self.caller
        if owner is None:
            raise forms.ValidationError("There is no active user of this address.")
        return owner

    def clean_run_after(self) -> datetime | None:
        """Read the time, in the zone that the browser named or else UTC."""
        text = self.cleaned_data["run_after"].strip()
        if not text:
            return None
        try:
            zone = ZoneInfo(self.data.get("zone") or "UTC")
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, KeyError, OSError, OverflowError) as error:
            raise forms.ValidationError("Write a date and time, such as 2026-01-31T12:00.") from error

    def params(self) -> Any:
        """Return the parameters as entered, without what was left empty."""
        if self.reading is None:
            value = self.cleaned_data[PARAMS]
            return {} if value is _LEFT_OUT else value
        params: dict[str, Any] = {}
        for path in sorted(self.reading.needed, key=len):
            _put(params, path, {})
        for name, one in self.inputs.items():
            value = _value(one, self.cleaned_data[name])
            if value is not _LEFT_OUT:
                _put(params, one.path, value)
        return params

    def show_faults(self, faults: list[FieldError]) -> None:
        """Show what the service refused, each fault at its input."""
        for fault in faults:
            path = tuple(str(part) for part in fault.loc if part not in ("body", PARAMS, "parameters"))
            name = self._closest(path)
            where = "" if name and self.inputs[name].path == path else ".".join(path)
            self.add_error(name, f"{where}: {fault.msg}" if where else fault.msg)

    def _closest(self, path: Path) -> str | None:
        fitting = [name for name, one in self.inputs.items() if one.path == path[: len(one.path)]]
        return max(fitting, key=lambda name: len(self.inputs[name].path), default=None)

    def rows(self) -> Iterator[Row]:
        """Yield what the page shows for the parameters: the inputs, each object with its heading before its first."""
        told: set[Path] = set()
        for name, one in self.inputs.items():
            title, text, heading = "", "", ""
            if one.path[:-1] and one.path[:-1] not in told and self.reading is not None:
                told.add(one.path[:-1])
                title, text = self.reading.groups[one.path[:-1]]
                heading = ".".join(one.path[:-1])
            yield Row(self[name], one, heading, title, text)


@dataclass(frozen=True, slots=True)
class Row:
    """An input on the page, with the heading of its object where it is the first of it."""

    field: forms.BoundField
    input: Input
    heading: str
    title: str
    text: str

    @property
    def nested(self) -> bool:
        """Whether it stands in an object of the parameters."""
        return len(self.input.path) > 1


class PriorityDialog(BaseDialogForm):
    """The question for a new priority."""

    priority = forms.IntegerField(
        min_value=1,
        max_value=1000,
        initial=100,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="1 to 1000; lower runs first.",
    )


def _field(one: Input) -> forms.Field:
    """Return the field of an input; whether a value fits in detail is for the schema to say."""
    options: dict[str, Any] = {"label": one.label, "required": one.required}
    match one.kind:
        case "boolean":
            if one.initial or one.required:
                return forms.BooleanField(label=one.label, required=False)
            options |= {"choices": [("", "–"), ("true", "yes"), ("false", "no")]}
            return forms.ChoiceField(**options)
        case "choice":
            choices = [(str(index), _said(value)) for index, value in enumerate(one.choices)]
            return forms.ChoiceField(choices=choices if one.required else [("", "–"), *choices], **options)
        case "choices":
            choices = [(str(index), _said(value)) for index, value in enumerate(one.choices)]
            return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **options)
        case "integer" | "number":
            step = "1" if one.kind == "integer" else "any"
            bounds = {"min": one.least, "max": one.most if one.most is not None and one.most < 2**53 else None}
            attrs = {"step": step, **{key: value for key, value in bounds.items() if value is not None}}
            kind = _Whole if one.kind == "integer" else forms.FloatField
            return kind(widget=forms.NumberInput(attrs), **options)
        case "lines":
            return Lines(item=one.item, widget=forms.Textarea({"rows": 3}), **options)
        case "json":
            return JsonText(
                widget=forms.Textarea({"rows": 12 if not one.path else 4, "spellcheck": "false"}), **options
            )
        case "long":
            return forms.CharField(max_length=one.longest, widget=forms.Textarea({"rows": 3}), strip=False, **options)
        case _:
            return forms.CharField(max_length=one.longest, strip=False, **options)


class _Whole(forms.IntegerField):
    """A whole number of any size that can be read."""

    def clean(self, value: Any) -> Any:
        """Read the number."""
        if isinstance(value, str) and len(value) > _MOST_DIGITS:
            raise forms.ValidationError("This number is too long.")
        return super().clean(value)


def _value(one: Input, cleaned: Any) -> Any:
    """Return an entered value as JSON has it."""
    match one.kind:
        case "boolean":
            if isinstance(cleaned, bool):
                return cleaned
            return _LEFT_OUT if cleaned == "" else cleaned == "true"
        case "choice":
            return one.choices[int(cleaned)] if cleaned != "" else _LEFT_OUT
        case "choices":
            return [one.choices[int(index)] for index in cleaned] or _LEFT_OUT
        case "text" | "long":
            return cleaned if cleaned or one.required else _LEFT_OUT
        case _:
            return _LEFT_OUT if cleaned is None else cleaned


def _shown(one: Input) -> Any:
    """Return a default as its field shows it."""
    match one.kind:
        case "choice":
            return str(one.choices.index(one.default)) if one.default in one.choices else ""
        case "choices":
            wanted = one.default if isinstance(one.default, list) else []
            return [str(index) for index, value in enumerate(one.choices) if value in wanted]
        case "lines":
            return "\n".join(map(str, one.default)) if isinstance(one.default, list) else ""
        case "json":
            return json.dumps(one.default, ensure_ascii=False, indent=2)
        case _:
            return one.default


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _put(params: dict[str, Any], path: Path, value: Any) -> None:
    inside = params
    for part in path[:-1]:
        inside = inside.setdefault(part, {})
    inside[path[-1]] = value


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")


_READ_LINE: Final = {"string": str, "integer": int, "number": float}
