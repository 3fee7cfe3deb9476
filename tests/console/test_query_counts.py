"""A page of the console asks the database the same number of questions however many rows there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.contrib import admin
from django.db import IntegrityError, connection, models, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from pixtasks.accounts.models import User
from tests.console.rows import make

pytestmark = pytest.mark.django_db
FEW, MANY = 3, 9
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
PAGES = ("admin:index", "admin:gather_gatherrun_schedules", "admin:gather_gatherrun_schedule")


class Console:
    """The console with rows of every model: each with neighbours of its own, and as many that all belong to one."""

    def __init__(self) -> None:
        self.client = Client()
        self.client.force_login(User.objects.create_superuser("chief@example.com", "a long pass phrase 1"))
        self.family: dict[type[models.Model], models.Model] = {}
        for model in MODELS:
            if model not in self.family:  # What another one belongs to is there by now.
                self.family[model] = make(model, self.family)
        self.rows = 1
        self.grow(FEW)

    def grow(self, rows: int) -> None:
        """Insert rows until there are so many more of every model."""
        for model in MODELS:
            for _ in range(rows - self.rows):
                make(model)
                # Of some there is only one to each neighbour.
                with suppress(IntegrityError), transaction.atomic():
                    make(model, self.family)
        self.rows = rows

    def asked(self, path: str) -> Counter[str]:
        """Return what a page asks, without its numbers, and how often."""
        with CaptureQueriesContext(connection) as captured:
            answer = self.client.get(path)
        assert answer.status_code == 200, path
        return Counter(_shape(str(query["sql"])) for query in captured.captured_queries)


@pytest.fixture
def console() -> Console:
    return Console()


def paths(console: Console) -> Iterator[str]:
    """Yield every list, the page of every row that others belong to, and what is neither."""
    for model in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        yield reverse(f"{name}_change", args=[console.family[model].pk])
    for name in PAGES:
        yield reverse(name)


def test_every_page_asks_the_same_however_many_rows_there_are(console: Console) -> None:
    found = list(paths(console))
    for path in found:
        console.asked(path)  # Whatever is only asked once in the life of a process.
    few = {path: console.asked(path) for path in found}
    console.grow(MANY)
    grown = {}
    for path in found:
        many = console.asked(path)
        if many.total() != few[path].total():
            grown[path] = (few[path].total(), many.total(), (many - few[path]).most_common(2))
    assert grown == {}


def _shape(statement: str) -> str:
    return "".join("0" if letter.isdigit() else letter for letter in statement)[:300]
