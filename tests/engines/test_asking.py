"""What the answers of a source mean: JSON by named fields, refusals in its own words, and when to come back."""

from __future__ import annotations

import json

import pytest

from jobs.engines import EngineError, EngineUnavailable, FormatChanged
from jobs.engines.asking import Node, ask_json, base_url, page_number

from .conftest import PlainWeb, Site


def node(value: object) -> Node:
    return Node("here", "", value)


def test_parameters_that_are_not_set_are_left_out_and_booleans_are_spelled(web: PlainWeb, site: Site) -> None:
    site.put("/api?q=a+b%26c&deep=false&page=2", "{}", "application/json")
    parameters = {"q": "a b&c", "deep": False, "page": 2, "size": None, "color": ""}
    assert ask_json(web, site.origin + "/api", parameters, source="here").data.value == {}


def test_a_field_that_is_missing_or_of_another_type_is_named_with_its_path() -> None:
    answer = node({"results": [{"url": "a"}, {"url": None}, {"link": "c"}, {"url": {}}, 7], "total": "many"})
    first, null, renamed, typed, number = answer.children("results")
    assert first.text("url") == "a"
    for each, message in (
        (null, r"here: results\[1\]\.url is null"),
        (renamed, r"here: results\[2\]\.url is missing"),
        (typed, r"here: results\[3\]\.url is an object, not text"),
        (number, r"here: results\[4\] is a number, not an object"),
    ):
        with pytest.raises(FormatChanged, match=message):
            each.text("url")
    with pytest.raises(FormatChanged, match="here: total is text, not a number"):
        answer.whole("total")
    with pytest.raises(FormatChanged, match="here: total is text, not a list"):
        answer.children("total")
    with pytest.raises(FormatChanged, match="here: hits is missing"):
        answer.children("hits")
    with pytest.raises(FormatChanged, match="the answer is a list, not an object"):
        node([]).text("url")


def test_what_may_be_missing_reads_as_empty_but_its_type_still_counts() -> None:
    answer = node({"title": None, "width": "640", "id": 12, "tags": ["a", " ", "b"], "safe": 1, "nul": "a\0b \ud83d"})
    assert answer.text("title", null=True) == answer.text("creator", absent=True) == ""
    assert answer.number("width") == 640
    assert answer.number("height", absent=True) is None
    assert answer.text("id") == "12"
    assert answer.words("tags") == ("a", "b")
    assert answer.flag("safe") and not answer.flag("other", absent=True)
    assert answer.text("nul") == "ab ?"
    assert answer.child("meta", absent=True).value == {}
    assert answer.children("list", absent=True) == []
    with pytest.raises(FormatChanged, match="here: creator is missing"):
        answer.text("creator", null=True)
    with pytest.raises(FormatChanged, match="here: tags is a list"):
        answer.text("tags", absent=True)


@pytest.mark.parametrize("body", ["<html>Just a moment…</html>", '{"results": [', "", "[" * 100_000])
def test_what_is_not_json_is_said_to_be_none(web: PlainWeb, site: Site, body: str) -> None:
    with pytest.raises(EngineError, match=r"here did not answer with JSON, but with text/html\."):
        ask_json(web, site.put("/api", body), source="here")


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, {"detail": "Invalid input."}, "here answered with status 400: Invalid input."),
        (404, {"error": {"code": 5, "message": "No such thing"}}, "here answered with status 404: No such thing."),
        (422, {"errors": [{"message": "too  long"}]}, "here answered with status 422: too long."),
        (400, {"reason": "Bad\nmedia"}, "here answered with status 400: Bad media."),
        (418, ["tea"], "here answered with status 418: tea."),
        (400, {"fault": 7}, "here answered with status 400."),
        (403, {"message": "Invalid key"}, "here refused the request (status 403: Invalid key). Check THE_KEY."),
        (401, "nonsense", "here refused the request (status 401: nonsense). Check THE_KEY."),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_source(web: PlainWeb, site: Site, status, body, message) -> None:
    url = site.put("/api", json.dumps(body), "application/json", status=status)
    with pytest.raises(EngineError) as caught:
        ask_json(web, url, source="here", setting="THE_KEY")
    assert not isinstance(caught.value, EngineUnavailable)
    assert caught.value.message == message


def test_a_plain_refusal_is_quoted_and_an_html_one_is_not(web: PlainWeb, site: Site) -> None:
    with pytest.raises(EngineError, match=r"status 400: \[ERROR 400\] wrong"):
        ask_json(web, site.put("/a", "[ERROR 400] wrong", "text/plain", status=400), source="here")
    with pytest.raises(EngineError, match=r"status 400\.$"):
        ask_json(web, site.put("/b", "<b>wrong</b>", status=400), source="here")


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, None),
        (429, {"Retry_After": "7"}, 7.0),
        (429, {"Retry_After": "7", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "90"}, 7.0),
        (429, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "90"}, 90.0),
        (503, {"Retry_After": "11"}, 11.0),
        (500, {}, None),
        (408, {}, None),
    ],
)
def test_what_may_pass_is_unavailable_for_as_long_as_the_source_says(
    web: PlainWeb, site: Site, status: int, headers: dict[str, str], seconds: float | None
) -> None:
    url = site.put("/api", '{"detail": "Slow down"}', "application/json", status=status, **headers)
    with pytest.raises(EngineUnavailable, match="Slow down") as caught:
        ask_json(web, url, source="here")
    assert caught.value.retry_after == seconds


def test_a_key_in_the_query_is_in_no_message(web: PlainWeb) -> None:
    with pytest.raises(EngineError) as caught:
        ask_json(web, "http://127.0.0.1:9/api", {"key": "very-secret"}, source="here")
    assert "secret" not in str(caught.value)


def test_an_answer_that_used_up_the_quota_tells_when_to_come_back(web: PlainWeb, site: Site) -> None:
    url = site.put("/api", "{}", "application/json", X_RateLimit_Remaining="0", X_RateLimit_Reset="40")
    assert ask_json(web, url, source="here").wait == 40.0


def test_a_setting_replaces_the_address_of_a_source(settings) -> None:
    assert base_url("here", "https://api.example.org/v1/") == "https://api.example.org/v1"
    settings.PIXTASKS_ENGINE_URLS = {"here": "http://127.0.0.1:8080/mirror"}
    assert base_url("here", "https://api.example.org/v1") == "http://127.0.0.1:8080/mirror"
    settings.PIXTASKS_ENGINE_URLS = {"here": "mirror"}
    with pytest.raises(EngineError, match="PIXTASKS_ENGINE_URLS: here: the address must begin with"):
        base_url("here", "https://api.example.org/v1")


def test_a_cursor_is_a_number_within_the_bounds_of_the_source() -> None:
    assert page_number(None, "here") == 1
    assert page_number("20", "here", last=20) == 20
    for cursor in ("21", "0", "-1", "x", "", "²", "9" * 5000):
        with pytest.raises(EngineError, match="not one of here"):
            page_number(cursor, "here", last=20)
