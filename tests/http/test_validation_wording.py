"""Invalid input is described in the words of pydantic v1 (CONTRACT X11, J28)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from django.test import Client
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator
from pydantic_core import PydanticCustomError

from pixtasks.common.errors import InvalidInput
from pixtasks.common.wording import validate, validate_with

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.http.urls")]


class Level(StrEnum):
    FAST = "fast"
    MEDIUM = "medium"
    SLOW = "slow"


class Inner(BaseModel):
    size: int


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")

    need: str = "x"
    level: Level = Level.MEDIUM
    literal: Literal["a", "b", "c"] = "a"
    at_least: int = Field(default=1, ge=1)
    at_most: int = Field(default=1, le=1000)
    above: float = Field(default=1, gt=0)
    below: float = Field(default=1, lt=10)
    step: int = Field(default=10, multiple_of=5)
    short: str = Field(default="abc", min_length=2, max_length=4)
    shape: str = Field(default="a", pattern="^[a-z]+$")
    names: list[str] = Field(default=["a"], min_length=1, max_length=2)
    words: set[str] = Field(default={"a"}, max_length=1)
    mapping: dict[str, int] = {}
    flag: bool = False
    inner: Inner = Inner(size=1)
    inners: list[Inner] = []
    when: datetime | None = None
    day: date | None = None
    identity: UUID | None = None
    amount: Decimal = Decimal(1)
    finite: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    judged: str = "fine"

    @field_validator("judged")
    @classmethod
    def judge(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("that is bad")
        if value == "coded":
            raise PydanticCustomError("value_error.email", "value is not a valid email address")
        return value


CASES: list[tuple[dict[str, Any], list[str | int], str, str]] = [
    (
        {"level": "extreme"},
        ["level"],
        "value is not a valid enumeration member; permitted: 'fast', 'medium', 'slow'",
        "type_error.enum",
    ),
    (
        {"literal": "z"},
        ["literal"],
        "value is not a valid enumeration member; permitted: 'a', 'b', 'c'",
        "type_error.enum",
    ),
    ({"at_least": 0}, ["at_least"], "ensure this value is greater than or equal to 1", "value_error.number.not_ge"),
    ({"at_most": 1001}, ["at_most"], "ensure this value is less than or equal to 1000", "value_error.number.not_le"),
    ({"above": 0}, ["above"], "ensure this value is greater than 0.0", "value_error.number.not_gt"),
    ({"below": 10}, ["below"], "ensure this value is less than 10.0", "value_error.number.not_lt"),
    ({"step": 7}, ["step"], "ensure this value is a multiple of 5", "value_error.number.not_multiple"),
    ({"at_most": "abc"}, ["at_most"], "value is not a valid integer", "type_error.integer"),
    ({"at_most": 1.5}, ["at_most"], "value is not a valid integer", "type_error.integer"),
    ({"at_most": []}, ["at_most"], "value is not a valid integer", "type_error.integer"),
    ({"at_most": None}, ["at_most"], "none is not an allowed value", "type_error.none.not_allowed"),
    ({"above": "x"}, ["above"], "value is not a valid float", "type_error.float"),
    ({"flag": "perhaps"}, ["flag"], "value could not be parsed to a boolean", "type_error.bool"),
    ({"need": 5}, ["need"], "str type expected", "type_error.str"),
    ({"short": "a"}, ["short"], "ensure this value has at least 2 characters", "value_error.any_str.min_length"),
    ({"short": "abcde"}, ["short"], "ensure this value has at most 4 characters", "value_error.any_str.max_length"),
    ({"shape": "A"}, ["shape"], 'string does not match regex "^[a-z]+$"', "value_error.str.regex"),
    ({"names": []}, ["names"], "ensure this value has at least 1 items", "value_error.list.min_items"),
    ({"names": ["a"] * 3}, ["names"], "ensure this value has at most 2 items", "value_error.list.max_items"),
    ({"words": ["a", "b"]}, ["words"], "ensure this value has at most 1 items", "value_error.set.max_items"),
    ({"names": "a"}, ["names"], "value is not a valid list", "type_error.list"),
    ({"mapping": []}, ["mapping"], "value is not a valid dict", "type_error.dict"),
    ({"inner": 5}, ["inner"], "value is not a valid dict", "type_error.dict"),
    ({"inner": {}}, ["inner", "size"], "field required", "value_error.missing"),
    ({"inners": [{"size": 1}, {}]}, ["inners", 1, "size"], "field required", "value_error.missing"),
    ({"unknown": 1}, ["unknown"], "extra fields not permitted", "value_error.extra"),
    ({"when": "soon"}, ["when"], "invalid datetime format", "value_error.datetime"),
    ({"day": "soon"}, ["day"], "invalid date format", "value_error.date"),
    ({"identity": "x"}, ["identity"], "value is not a valid uuid", "type_error.uuid"),
    ({"amount": "x"}, ["amount"], "value is not a valid decimal", "type_error.decimal"),
    ({"judged": "bad"}, ["judged"], "that is bad", "value_error"),
    ({"judged": "coded"}, ["judged"], "value is not a valid email address", "value_error.email"),
]


@pytest.mark.parametrize(("data", "where", "message", "kind"), CASES, ids=lambda value: str(value)[:40])
def test_a_fault_has_the_words_and_the_code_of_v1(
    data: dict[str, Any], where: list[str | int], message: str, kind: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate(Everything, data)
    assert [error.as_dict() for error in caught.value.errors] == [
        {"loc": ["body", *where], "msg": message, "type": kind}
    ]


def test_every_fault_is_reported_below_its_place() -> None:
    with pytest.raises(InvalidInput) as caught:
        validate(Everything, {"at_least": 0, "flag": 7}, loc=("body", "params"))
    assert [error.loc for error in caught.value.errors] == [("body", "params", "at_least"), ("body", "params", "flag")]


@pytest.mark.parametrize("body", ["[1, 2]", "5", '"text"', "null", "true"])
def test_a_body_that_is_no_object_is_not_a_valid_dict(body: str) -> None:
    response = Client().put("/api/echo", body, content_type="application/json")
    assert (response.status_code, response.json()) == (
        422,
        {"detail": [{"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}]},
    )


def test_a_list_body_names_the_item() -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_with(TypeAdapter(list[Inner]), [{"size": 1}, {"size": "x"}])
    assert caught.value.errors[0].loc == ("body", 1, "size")
    assert validate_with(TypeAdapter(list[Inner]), [{"size": "2"}]) == [Inner(size=2)]


@pytest.mark.parametrize(
    ("query", "kind"),
    [("count=0", "value_error.number.not_ge"), ("count=abc", "type_error.integer"), ("count=", "type_error.integer")],
)
def test_a_bad_query_is_422_with_its_place(query: str, kind: str) -> None:
    response = Client().get(f"/tasks/echo?{query}")
    assert response.status_code == 422
    fault = response.json()["detail"][0]
    assert (fault["loc"], fault["type"]) == (["query", "count"], kind)


def test_of_a_repeated_parameter_the_last_counts_and_unknown_ones_do_not() -> None:
    assert Client().get("/tasks/echo?count=2&count=3&other=x").json() == {"count": 3}
    assert Client().get("/tasks/echo").json() == {"count": 1}
