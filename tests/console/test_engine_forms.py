"""The options of every built-in engine as a form: what nobody changes is not sent."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.http import QueryDict

from jobs.console.forms import EngineOptions
from jobs.engines import engines
from tests.factories import user

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
