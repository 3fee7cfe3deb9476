"""What a gather takes, and what it says of what it does not take."""

from __future__ import annotations

from typing import Any

import pytest

from gather.params import GatherParams
from pixtasks.common.errors import InvalidInput
from pixtasks.common.wording import validate


def faults(**body: Any) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(InvalidInput) as refused:
        validate(GatherParams, {"projectId": "cats", "gatherCount": 10, **body})
    return {fault.loc[1:]: fault.msg for fault in refused.value.errors}


@pytest.mark.parametrize("count", [1, 100])
def test_both_ends_of_the_range_of_iterations_are_accepted(count: int) -> None:
    assert GatherParams(projectId="cats", gatherCount=count).gatherCount == count


@pytest.mark.parametrize("count", [0, 101, -1, "10", 1.5, 10.0, True, None, [], 10**40])
def test_every_other_count_is_refused_in_the_documented_words(count: Any) -> None:
    assert faults(gatherCount=count) == {("gatherCount",): "gatherCount must be between 1 and 100"}


@pytest.mark.parametrize("interval", [0, 51, "5", 2.5, False, None])
def test_every_other_save_interval_is_refused_in_the_documented_words(interval: Any) -> None:
    found = faults(options={"saveInterval": interval})
    assert found == {("options", "saveInterval"): "saveInterval must be between 1 and 50"}


@pytest.mark.parametrize("body", [{}, {"options": {}}, {"options": {"notificationPreferences": {"onProgress": False}}}])
def test_missing_empty_and_partial_options_mean_the_defaults(body: dict[str, Any]) -> None:
    params = GatherParams.model_validate({"projectId": "cats", "gatherCount": 10, **body})
    assert params.model_dump(exclude_none=True)["options"] == {
        "saveInterval": 5,
        "errorRecovery": True,
        "notificationPreferences": {"onComplete": True, "onError": True, "onProgress": False},
    }


@pytest.mark.parametrize("name", ["", " ", "a b", "cats\n", "a/b", "é", 5, None, ["cats"], "x" * 201])
def test_a_project_id_that_could_not_be_a_slug_is_refused(name: Any) -> None:
    assert list(faults(projectId=name)) == [("projectId",)]


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"errorRecovery": "yes"}, "errorRecovery"),
        ({"errorRecovery": 1}, "errorRecovery"),
        ({"keywords": []}, "keywords"),
        ({"engines": []}, "engines"),
        ({"engines": "sample"}, "engines"),
        ({"surprise": 1}, "surprise"),
        ({"notificationPreferences": {"onComplete": "true"}}, "notificationPreferences"),
    ],
)
def test_options_of_another_kind_and_unknown_ones_are_refused(options: dict[str, Any], where: str) -> None:
    assert [loc[:2] for loc in faults(options=options)] == [("options", where)]


def test_unknown_fields_are_refused() -> None:
    assert faults(owner=1) == {("owner",): "extra fields not permitted"}


def test_repeated_keywords_are_dropped_without_regard_to_case() -> None:
    options = {"keywords": ["red  panda", "Red Panda", "otter"], "engines": ["sample", "sample"]}
    params = GatherParams.model_validate({"projectId": "cats", "gatherCount": 1, "options": options})
    assert (params.options.keywords, params.options.engines) == (["red panda", "otter"], ["sample"])
