"""What the forms share, and the form of a new job. The rules are those of the API: its own models check the values."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.conf import settings

from jobs.api.requests import ProjectCreateRequest, ProjectJobCreateRequest
from jobs.engines import Engine, EngineNotConfigured, UnknownEngine, find, known_names, resolve
from jobs.engines.registry import aliases
from jobs.models import Level, Project
from jobs.models.job import plain_templates
from jobs.models.project import POLICY_FIELDS
from jobs.services.engine_list import suggested_engines, takes_keywords_only
from pixtasks.common.errors import InvalidInput
from pixtasks.common.wording import validate

NEW_PROJECT: Final = "new"
_LONGEST_NAME: Final = 200
_LEVELS: Final = (
    ("", "No, I will do it later"),
    (Level.FAST.value, "Fast: headers, size, format"),
    (Level.MEDIUM.value, "Medium: and decode every file"),
    (Level.SLOW.value, "Slow: and sharpness, brightness, near-duplicates"),
)


def one_line(text: str) -> str:
    """Return a text without blanks around it and double ones in it."""
    return " ".join(text.split())


def add_faults(form: forms.Form, error: InvalidInput, fields: Mapping[str, str] | None = None) -> None:
    """Write the faults that a service or a model of the API found to the fields that they are of.

    Args:
        fields: name in the API → name in the form, where they differ.
    """
    for fault in error.errors:
        names = [str(part) for part in fault.loc if part != "body"]
        name = (fields or {}).get(names[0], names[0]) if names else None
        text = fault.msg[:1].upper() + fault.msg[1:]
        if len(names) > 1 and names[1].isdigit():
            text = f"Entry {int(names[1]) + 1}: {fault.msg}"
        form.add_error(name if name in form.fields else None, text)


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine as the form offers it.

    Attributes:
        backend: which engine answers, where that is another one.
        missing: the settings that keep it from being used; empty where it can be.
    """

    name: str
    description: str
    backend: str
    missing: tuple[str, ...]


def engine_choices() -> list[EngineChoice]:
    """Return the engines that need nothing but a keyword: the default ones first, then what else is usable.

    Those that miss a setting come last.
    """
    default = settings.PIXTASKS_DEFAULT_ENGINES
    found = []
    for name in known_names():
        missing: tuple[str, ...] = ()
        engine: Engine
        try:
            engine = resolve(name)
        except EngineNotConfigured as error:
            engine, missing = find(name), tuple(error.missing)
        except UnknownEngine:
            continue
        if not takes_keywords_only(engine):
            continue
        found.append(EngineChoice(name, engine.description, engine.name if engine.name != name else "", missing))
    return sorted(
        found, key=lambda each: (bool(each.missing), each.name not in default, each.name in aliases(), each.name)
    )


class JobForm(forms.Form):
    """A new job, started at once.

    Args:
        projects: the user's own.
        initial: values to begin with.
    """

    project = forms.ChoiceField()
    new_project = forms.CharField(label="Name of the new project", required=False, max_length=_LONGEST_NAME)
    keywords = forms.CharField(
        max_length=10_000,
        widget=forms.Textarea(
            attrs={"rows": 5, "placeholder": "red fox\nbarn owl\nmountain lake", "spellcheck": "false"}
        ),
        help_text="One per line, 1 to 50.",
    )
    keyword_templates = forms.CharField(
        label="Ask in these words",
        required=False,
        max_length=2_000,
        widget=forms.Textarea(
            attrs={"rows": 3, "placeholder": "{keyword}\n{keyword} photo\nclose-up of {keyword}", "spellcheck": "false"}
        ),
        help_text="One per line, up to 10, each with {keyword}. Empty: the keyword alone.",
    )
    engines = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)
    max_images = forms.IntegerField(
        label="Images per keyword and engine",
        min_value=1,
        max_value=10_000,
        initial=100,
        help_text="New images to store at most, 1 to 10,000.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    rebalance = forms.BooleanField(
        label="Let engines stand in for each other",
        required=False,
        help_text="What one engine cannot bring is asked of those that still can, for the same keyword first.",
    )
    name = forms.CharField(
        label="Name of the job",
        required=False,
        max_length=_LONGEST_NAME,
        help_text="Made from the keywords where you leave it empty.",
    )
    level = forms.ChoiceField(label="Validate afterwards", choices=_LEVELS, required=False)
    nonce = forms.RegexField(r"^[0-9a-f]{32}$", widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, projects: Sequence[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.projects = {str(each.pk): each for each in projects}
        self.choices = engine_choices()
        names = [each.name for each in self.choices if not each.missing]
        project: Any = self.fields["project"]
        project.choices = [*((key, each.name) for key, each in self.projects.items()), (NEW_PROJECT, "New project …")]
        engines: Any = self.fields["engines"]
        engines.choices = [(name, name) for name in names]
        self.initial.setdefault("nonce", uuid.uuid4().hex)
        self.initial.setdefault("engines", suggested_engines())
        self.initial.setdefault("project", next(iter(self.projects), NEW_PROJECT))
        self.request: ProjectJobCreateRequest | None = None

    @property
    def chosen(self) -> set[str]:
        """The engines whose boxes are ticked."""
        value = self["engines"].value()
        return set(value) if isinstance(value, list | tuple) else set()

    def clean_keywords(self) -> list[str]:
        """Return the lines that hold something."""
        return [line for line in map(one_line, self.cleaned_data["keywords"].splitlines()) if line]

    def clean_keyword_templates(self) -> list[str]:
        """Return the lines that hold something; the keyword alone where there is none."""
        lines = map(one_line, self.cleaned_data["keyword_templates"].splitlines())
        return list(filter(None, lines)) or plain_templates()

    def clean(self) -> None:
        """Check everything as the API does."""
        values = self.cleaned_data
        if values.get("project") == NEW_PROJECT:
            try:
                values["new_project"] = validate(ProjectCreateRequest, {"name": values.get("new_project", "")}).name
            except InvalidInput:
                self.add_error("new_project", "Give the new project a name, up to 200 characters.")
        if self.errors:
            return
        keywords: list[str] = values["keywords"]
        body = {
            "name": one_line(values["name"]) or name_of(keywords),
            "keywords": keywords,
            "keyword_templates": values["keyword_templates"],
            "engines": values["engines"],
            "max_images": values["max_images"],
            "rebalance": values["rebalance"],
        }
        try:
            self.request = validate(ProjectJobCreateRequest, body)
        except InvalidInput as error:
            add_faults(self, error)

    @property
    def chosen_project(self) -> Project | None:
        """The project that was chosen; None for a new one."""
        return self.projects.get(self.cleaned_data["project"])


def name_of(keywords: Sequence[str]) -> str:
    """Return a name for a job that looks for these: "red fox, barn owl and 3 more"."""
    shown = ", ".join(keywords[:2])[:150] or "Job"
    return f"{shown} and {len(keywords) - 2} more" if len(keywords) > 2 else shown


class ProjectForm(forms.Form):
    """A project's name, what it is about, and what the licences of its pictures must permit."""

    name = forms.CharField(max_length=_LONGEST_NAME)
    description = forms.CharField(required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3}))
    require_commercial_use = forms.BooleanField(required=False, label="Commercial use must be permitted")
    require_derivatives = forms.BooleanField(required=False, label="Changed versions must be permitted")
    allow_share_alike = forms.BooleanField(
        required=False, initial=True, label="Share-alike is fine: changed versions come under the same licence"
    )
    allow_unknown_license = forms.BooleanField(
        required=False, initial=True, label="Pictures without a known licence are fine"
    )

    @property
    def policy_fields(self) -> list[forms.BoundField]:
        """The boxes of the licence policy."""
        return [self[name] for name in POLICY_FIELDS]

    @property
    def policy(self) -> dict[str, bool]:
        """What they say, once the form is valid."""
        return {name: self.cleaned_data[name] for name in POLICY_FIELDS}

    def clean_name(self) -> str:
        """Make one line of it."""
        return one_line(self.cleaned_data["name"])


class GatherForm(forms.Form):
    """How often to gather."""

    gather_count = forms.IntegerField(label="Iterations", min_value=1, max_value=100, initial=10)
    save_interval = forms.IntegerField(label="Save every", min_value=1, max_value=50, initial=5)
    error_recovery = forms.BooleanField(label="Go on after errors", required=False, initial=True)
