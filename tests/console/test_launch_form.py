"""The launch form: made of a schema, it sends what was entered and shows at each input what was refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from pixtasks.accounts.models import AuditEntry, User
from tasktypes.console.schema import MOST_INPUTS, read_schema
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tasktypes.services.task_types import register_type
from tests import factories

LAUNCH = "/admin/tasktypes/task/launch/"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["url", "width"],
    "additionalProperties": False,
    "properties": {
        "url": {"type": "string", "description": "Where <b>it</b> is.", "maxLength": 100},
        "width": {"type": "integer", "minimum": 16, "maximum": 4096, "default": 512},
        "format": {"enum": ["jpeg", "webp", 7], "default": "webp"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "sizes": {"type": "array", "items": {"type": "integer"}},
        "colours": {"type": "array", "items": {"enum": ["red", "blue"]}},
        "sharpen": {"type": "boolean"},
        "strict": {"type": "boolean", "default": True},
        "ratio": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "background": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "options": {"$ref": "#/$defs/options"},
        "free": {"type": "object"},
    },
    "$defs": {"options": {"type": "object", "properties": {"quality": {"type": "integer", "maximum": 100}}}},
}
EMPTY = {"priority": "100", "owner": ""}


@pytest.fixture
def boss(db: None) -> User:
    return factories.user(is_staff=True)


@pytest.fixture
def client(boss: User, settings: Settings, tmp_path: Path) -> Client:
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def form(boss: User) -> str:
    register_type(creator=boss, name="render", parameters_schema=SCHEMA)
    AuditEntry.objects.all().delete()
    return f"{LAUNCH}?type=render"


def text(response: Any) -> str:
    found: str = response.content.decode()
    return found


def test_a_schema_is_read_as_inputs() -> None:
    reading = read_schema(SCHEMA)
    assert reading is not None
    kinds = {".".join(one.path): one.kind for one in reading.inputs}
    assert kinds == {
        "url": "text", "width": "integer", "format": "choice", "tags": "lines", "sizes": "lines",
        "colours": "choices", "sharpen": "boolean", "strict": "boolean", "ratio": "number", "background": "json",
        "options.quality": "integer", "free": "json",
    }  # fmt: skip
    assert [one.path[0] for one in reading.inputs][:2] == ["url", "width"]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array"},
        {"type": "object", "properties": {}},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#/a", "a": {"$ref": "#/a"}},
        {"properties": {f"p{n}": {"type": "string"} for n in range(MOST_INPUTS + 1)}},
    ],
)
def test_what_is_no_short_list_of_values_is_entered_as_json(schema: dict[str, Any]) -> None:
    assert read_schema(schema) is None


def test_odd_schemas_break_nothing() -> None:
    reading = read_schema(
        {
            "properties": {
                "a": True,
                "b": {"$ref": "https://example.com/x"},
                "c": {"type": ["string", "null"], "maxLength": "long", "title": 7, "enum": []},
                "d": {"type": "array", "items": False},
                "e": {"type": "object", "properties": {"f": {"$ref": "#"}}},
            },
            "required": "a",
        }
    )
    assert reading is not None
    assert {".".join(one.path) for one in reading.inputs} >= {"a", "b", "c", "d"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", [handler.name for handler in handlers])
def test_every_handler_has_a_form(client: Client, name: str) -> None:
    assert f"type={name}" in text(client.get(LAUNCH))
    page = client.get(LAUNCH, {"type": name})
    assert page.status_code == 200
    assert "Launch" in text(page)


def test_the_form_shows_defaults_and_escapes_what_people_wrote(client: Client, form: str) -> None:
    page = text(client.get(form))
    assert "Where &lt;b&gt;it&lt;/b&gt; is." in page and "<b>it</b>" not in page
    assert 'value="512"' in page and "whole number, 16 to 4,096" in page
    assert '<option value="1" selected>webp</option>' in page
    assert "render" in text(client.get(LAUNCH))


def test_what_is_entered_is_sent_as_its_own_type(client: Client, boss: User, form: str) -> None:
    ann = factories.user()
    sent = {
        **EMPTY, "params.url": "https://example.com/", "params.width": "640", "params.format": "2",
        "params.tags": "a\n\n b \n", "params.sizes": "1\n2", "params.colours": ["1"], "params.sharpen": "false",
        "params.ratio": "1.5", "params.background": '"red"', "params.options.quality": "80",
        "params.free": '{"a": [1]}',
        "priority": "7", "run_after": "2030-01-31T12:00", "zone": "Europe/Zurich", "owner": ann.email,
    }  # fmt: skip
    done = client.post(form, sent)
    task = Task.objects.get()
    assert done["Location"] == f"/admin/tasktypes/task/{task.pk}/change/"
    assert task.parameters == {
        "url": "https://example.com/", "width": 640, "format": 7, "tags": ["a", "b"], "sizes": [1, 2],
        "colours": ["blue"], "sharpen": False, "strict": False, "ratio": 1.5, "background": "red",
        "options": {"quality": 80}, "free": {"a": [1]},
    }  # fmt: skip
    assert (task.priority, task.created_by) == (7, ann)
    assert task.run_after == datetime(2030, 1, 31, 11, tzinfo=UTC)
    assert AuditEntry.objects.get(action="task.launched").actor == boss


def test_what_is_left_empty_is_left_out(client: Client, boss: User, form: str) -> None:
    client.post(form, {**EMPTY, "params.url": "x", "params.width": "16", "params.strict": "on"})
    task = Task.objects.get()
    assert task.parameters == {"url": "x", "width": 16, "strict": True}
    assert task.created_by == boss


@pytest.mark.parametrize(
    ("sent", "name", "words"),
    [
        ({"params.url": ""}, "params.url", "required"),
        ({"params.width": "8"}, "params.width", "value is less than the minimum of 16"),
        ({"params.width": "x"}, "params.width", "whole number"),
        ({"params.width": "9" * 5000}, "params.width", "too long"),
        ({"params.tags": "a\nb\nc"}, "params.tags", "more than 2 items"),
        ({"params.sizes": "a"}, "params.sizes", "must be a number"),
        ({"params.background": "{"}, "params.background", "no JSON"),
        ({"params.background": "NaN"}, "params.background", "no JSON"),
        ({"params.background": "[]"}, "params.background", "anyOf"),
        ({"params.options.quality": "101"}, "params.options.quality", "maximum of 100"),
        ({"priority": "0"}, "priority", "greater than or equal to 1"),
        ({"owner": "nobody@example.com"}, "owner", "no active user"),
        ({"run_after": "soon"}, "run_after", "date and time"),
    ],
)
def test_a_fault_stands_at_its_input(client: Client, form: str, sent: dict[str, str], name: str, words: str) -> None:
    page = client.post(form, {**EMPTY, "params.url": "x", "params.width": "16", **sent})
    assert page.status_code == 200
    assert list(page.context["form"].errors) == [name]
    assert words in str(page.context["form"].errors[name])
    assert not Task.objects.exists()


def test_everything_can_be_entered_as_json(client: Client, form: str) -> None:
    page = f"{form}&as=json"
    assert "Enter them in a form" in text(client.get(page))
    refused = client.post(page, {**EMPTY, "params": '{"url": "x", "width": 8, "more": 1}'})
    shown = str(refused.context["form"].errors["params"])
    assert "width: value is less than" in shown and "more: extra fields" in shown
    client.post(page, {**EMPTY, "params": '{"url": "x", "width": 16}'})
    assert Task.objects.get().parameters == {"url": "x", "width": 16}


@pytest.mark.django_db
def test_what_a_handler_refuses_is_said(client: Client, boss: User) -> None:
    page = f"{LAUNCH}?type=ExampleDatabaseTask"
    refused = client.post(page, {**EMPTY, "params.message": "x", "params.count": "1001"})
    assert list(refused.context["form"].errors) == ["params.count"]
    gone = client.post(
        f"{LAUNCH}?type=jobs.find_near_duplicates", {**EMPTY, "params.job_id": "9", "params.run_id": "9"}
    )
    assert "There is no crawl job 9" in text(gone)
    client.post(page, {**EMPTY, "params.message": "x", "params.count": "2"})
    assert Task.objects.get().parameters == {"message": "x", "count": 2}
    assert "no task type" in text(client.get(f"{LAUNCH}?type=nothing"))
