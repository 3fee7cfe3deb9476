"""What docs/apis/gather.md tells callers holds; its first block is run by test_usage_example.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gather.api import schemas
from gather.api.requests import GatherStatus
from gather.params import GatherParams
from gather.services.access import TaskNotFound
from gather.services.runs import CancellationFailed, SubmissionFailed
from pixtasks.common.dialects import CODES

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "apis" / "gather.md").read_text()


def examples() -> list[Any]:
    return [json.loads(block) for block in re.findall(r"```json\n(.+?)```", DOCUMENT, re.DOTALL)]


def first_column(heading: str) -> list[str]:
    """Return the words that the first table below a heading explains."""
    section = DOCUMENT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE)


def test_its_bodies_are_those_of_the_product() -> None:
    sent, started, status, cancelled, record, error = examples()
    assert GatherParams.model_validate(sent).model_dump() == sent
    for model, example in (
        (schemas.GatherStarted, started),
        (schemas.GatherTaskStatus, status),
        (schemas.GatherCancelled, cancelled),
        (schemas.GatherData, record),
    ):
        shown = json.loads(model.model_validate(example).model_dump_json(exclude_unset=True))
        assert shown == example, model.__name__
    assert list(error) == ["error", "message", "details", "statusCode"]


def test_it_names_every_field_of_an_image() -> None:
    names = {field.alias or name for name, field in schemas.GatherImage.model_fields.items()}
    assert not [name for name in names if f"`{name}`" not in DOCUMENT]


def test_it_explains_every_status_and_every_word_of_an_error() -> None:
    assert first_column("Status") == [word.value for word in GatherStatus]
    own = {error.code for error in (TaskNotFound, CancellationFailed, SubmissionFailed)}
    assert set(first_column("Errors")) == {*CODES.values(), *own, "INTERNAL_ERROR"}
