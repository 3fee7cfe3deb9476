"""The forms of a new job: what to crawl, and what each engine takes, from that engine's own schema."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from pydantic import BaseModel

from jobs.engines import Engine, UnknownEngine, find, known_names
from jobs.models import CrawlJob, Level, Project
from jobs.models.job import plain_templates
from jobs.services.engine_list import suggested_engines
from pixtasks.accounts.models import User
from tasktypes.console.forms import LaunchForm
from tasktypes.console.schema import read_schema

_PROJECTS: Final = 100


class EngineOptions(LaunchForm):
    """What one engine takes.

    Args:
        name: the engine's name or alias.
        given: options to begin with, of the job that is cloned.
    """

    def __init__(self, data: Any = None, *, name: str, engine: Engine, owner: User, given: Mapping[str, Any]) -> None:
        schema = _with_defaults(engine.Options, given)
        super().__init__(data, reading=read_schema(schema), owner=owner)
        self.prefix = f"engine-{name}"
        for field in ("priority", "run_after", "zone", "owner"):
            del self.fields[field]
        self.defaults = {
            field: known["default"]
            for field, known in engine.Options.model_json_schema().get("properties", {}).items()
            if "default" in known
        }

    def options(self) -> dict[str, Any]:
        """Return what was entered, without what the engine takes anyway."""
        params = self.params()
        return {
            name: value
            for name, value in params.items()
            if value is not None and (name not in self.defaults or self.defaults[name] != value)
        }


class EngineChoice:
    """An engine in the form: its name, what it is, and why it cannot be chosen here."""

    def __init__(self, name: str, data: Any, owner: User, *, chosen: bool, given: Mapping[str, Any]) -> None:
        self.name = name
        self.chosen = chosen
        try:
            engine = find(name)
        except UnknownEngine:
            engine = None
        self.backend = engine.name if engine is not None and engine.name != name else ""
        self.description = engine.description if engine is not None else "No engine answers for this name here."
        self.missing = engine.missing() if engine is not None else ["PIXTASKS_ENGINE_ALIASES"]
        self.form = None
        if engine is not None and _takes_options(engine):
            self.form = EngineOptions(data if chosen else None, name=name, engine=engine, owner=owner, given=given)

    @property
    def usable(self) -> bool:
        """Whether a job may use it on this installation."""
        return not self.missing


def _takes_options(engine: Engine) -> bool:
    schema = engine.Options.model_json_schema()
    return bool(schema.get("properties")) or schema.get("additionalProperties") is not False


class JobForm(forms.Form):
    """What to crawl, for which project, and what follows."""

    project = forms.CharField(
        max_length=200,
        widget=forms.TextInput({"list": "known-projects", "autocomplete": "off"}),
        help_text="The slug of a project; one that is not there yet is made.",
    )
    name = forms.CharField(max_length=200, required=False, help_text="Empty: made from the keywords.")
    keywords = forms.CharField(
        max_length=10_000,
        widget=forms.Textarea({"rows": 4}),
        help_text="One per line or separated by commas; at most 50, of 2 to 100 characters each.",
    )
    keyword_templates = forms.CharField(
        required=False,
        max_length=2_000,
        label="Ask in these words",
        widget=forms.Textarea({"rows": 3, "placeholder": "{keyword}\n{keyword} photo", "spellcheck": "false"}),
        help_text="Templates, one per line, at most 10, each with {keyword}; every keyword is asked for in each of "
        "them. Empty: the keyword alone.",
    )
    engines = forms.MultipleChoiceField(error_messages={"required": "Choose at least one engine."})
    max_images = forms.IntegerField(
        min_value=1,
        max_value=10_000,
        initial=100,
        label="Images per keyword and engine",
        help_text="New images to store, 1 to 10,000.",
    )
    rebalance = forms.BooleanField(
        required=False,
        label="Move the budget of dry chunks",
        help_text="What one engine cannot bring is asked of those that still do, for the same keyword first.",
    )
    level = forms.ChoiceField(
        choices=[("", "none"), *Level.choices],
        required=False,
        label="Validate when it has ended",
        help_text="Fast reads headers, medium decodes each image, slow also judges its looks.",
    )

    def __init__(self, data: Any = None, *, owner: User, clone: CrawlJob | None = None, project: str = "") -> None:
        initial = _initial(clone) if clone is not None else {"project": project, "engines": suggested_engines()}
        super().__init__(data, initial=initial)
        wanted = data.getlist("engines") if data is not None else initial["engines"]
        given = clone.options if clone is not None else {}
        names = sorted({*known_names(), *initial["engines"]})
        self.choices = [
            EngineChoice(name, data, owner, chosen=name in wanted, given=given.get(name, {})) for name in names
        ]
        self.choices.sort(key=lambda choice: (not choice.usable, choice.name))
        self.fields["engines"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.known_projects = list(Project.objects.order_by("-pk").values_list("slug", "name")[:_PROJECTS])

    def clean_keywords(self) -> list[str]:
        """Split the text."""
        return [part.strip() for part in re.split(r"[,\n]", self.cleaned_data["keywords"]) if part.strip()]

    def clean_keyword_templates(self) -> list[str]:
        """Split the text; the keyword alone where there is none."""
        lines = [line.strip() for line in self.cleaned_data["keyword_templates"].splitlines() if line.strip()]
        return lines or plain_templates()

    def is_valid(self) -> bool:
        """Whether the form and those of the chosen engines are."""
        chosen = [choice.form for choice in self.choices if choice.chosen and choice.form is not None]
        return all([super().is_valid(), *(form.is_valid() for form in chosen)])

    def options(self) -> dict[str, Any]:
        """Return the options of the chosen engines that say anything."""
        entered = {
            choice.name: choice.form.options() for choice in self.choices if choice.chosen and choice.form is not None
        }
        return {name: options for name, options in entered.items() if options}


def _initial(clone: CrawlJob) -> dict[str, Any]:
    return {
        "project": clone.project.slug,
        "name": clone.name,
        "keywords": "\n".join(clone.keywords),
        "keyword_templates": "\n".join(clone.keyword_templates) if clone.is_templated else "",
        "engines": clone.engines,
        "max_images": clone.max_images,
        "rebalance": clone.rebalance,
    }


def _with_defaults(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's schema whose defaults are the values given."""
    schema = copy.deepcopy(model.model_json_schema())
    for name, value in given.items():
        if name in schema.get("properties", {}):
            schema["properties"][name]["default"] = value
    return schema
