"""The options of every built-in engine as a form: what nobody changes is not sent; and what is ticked at first."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from pytest_django import Settings

from jobs.console.forms import EngineOptions, JobForm
from jobs.engines import engines
from pixtasks.web.forms import JobForm as UserJobForm
from tests.factories import job, user

pytestmark = pytest.mark.django_db

COLLECTIONS = ("openverse", "wikimedia", "met", "aic", "cleveland", "inaturalist", "nasa")


def _sent(form: EngineOptions) -> QueryDict:
    """Return what a browser sends of a form that was left as it is."""
    pairs: list[tuple[str, str]] = []
    for field in form:
        value = field.value()
        if isinstance(value, list):
            pairs += [(field.html_name, str(each)) for each in value]
        elif value is True:
            pairs.append((field.html_name, "on"))
        elif value is not None and value is not False:
            pairs.append((field.html_name, str(value)))
    return QueryDict(urlencode(pairs))


def test_a_form_that_is_left_as_it_is_takes_the_defaults() -> None:
    owner = user()
    for name in COLLECTIONS:
        empty = EngineOptions(None, name=name, engine=engines[name], owner=owner, given={})
        form = EngineOptions(_sent(empty), name=name, engine=engines[name], owner=owner, given={})
        assert form.is_valid(), form.errors
        assert form.options() == {}


def test_what_is_chosen_is_sent() -> None:
    engine = engines["inaturalist"]
    empty = EngineOptions(None, name="inaturalist", engine=engine, owner=user(), given={"license": ["BY-SA"]})
    form = EngineOptions(_sent(empty), name="inaturalist", engine=engine, owner=user(), given={})
    assert form.is_valid(), form.errors
    assert form.options() == {"license": ["BY-SA"]}


def test_both_forms_of_a_new_job_begin_with_the_same_engines(settings: Settings) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {"google": "sample"}
    for wanted, ticked in (
        (["sample", "google"], {"google", "sample"}),
        # Neither an engine that is not set up nor one that needs an address is asked for unseen.
        (["brave", "urls", "nothing", "google"], {"google"}),
        # Where none of them can be used, the first that needs only a keyword.
        (["brave"], {"openverse"}),
    ):
        settings.PIXTASKS_DEFAULT_ENGINES = wanted
        console = JobForm(owner=user())
        assert {choice.name for choice in console.choices if choice.chosen} == ticked
        assert UserJobForm(projects=[]).chosen == ticked


def test_a_clone_has_the_engines_of_its_job_and_a_sent_form_what_was_ticked() -> None:
    made = job(engines=["urls"], options={"urls": {"urls": ["http://203.0.113.1/a.jpg"]}})
    assert [choice.name for choice in JobForm(owner=user(), clone=made).choices if choice.chosen] == ["urls"]
    sent = JobForm(QueryDict("keywords=fox"), owner=user())
    assert not [choice.name for choice in sent.choices if choice.chosen]
