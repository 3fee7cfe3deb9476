"""What only Wikimedia's API does: errors with status 200, and results that come in several answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.engines import EngineError, EngineUnavailable, FormatChanged, Query, engines

from .adapter_wikimedia import ADAPTER
from .conftest import PlainWeb, Site

ENGINE = engines["wikimedia"]
QUERY = Query("fox", "wikimedia", 100, ENGINE.Options())


class OnePath(PlainWeb):
    """Asks the site's one document, whatever the parameters."""

    def get(self, url: str, **arguments):
        return super().get(url.partition("?")[0], **arguments)


@pytest.fixture
def answer(site: Site, settings):
    settings.PIXTASKS_ENGINE_URLS = {"wikimedia": site.origin}

    def put(body: object, **more: Any) -> None:
        site.put("/w/api.php", json.dumps(body), "application/json", **more)

    return put


def test_databases_that_lag_behind_are_given_the_time_they_ask_for(answer) -> None:
    answer(ADAPTER.json(case="lagging"), Retry_After="5")
    with pytest.raises(EngineUnavailable, match=r"maxlag: Waiting for 10\.64\.16\.33: 6\.5 seconds lagged") as caught:
        ENGINE.search(QUERY, None, OnePath())
    assert caught.value.retry_after == 5.0


def test_other_errors_are_final(answer) -> None:
    answer({"error": {"code": "permissiondenied", "info": "The action is limited to <b>users</b>."}})
    with pytest.raises(EngineError, match=r"permissiondenied: The action is limited to users\)") as caught:
        ENGINE.search(QUERY, None, OnePath())
    assert not isinstance(caught.value, EngineUnavailable)


def test_metadata_that_comes_later_is_waited_for(answer) -> None:
    half = ADAPTER.json()
    del half["batchcomplete"]
    for page in half["query"]["pages"]:
        page.pop("imageinfo", None)
    half["continue"] = {"iistart": "2016", "continue": "||"}
    answer(half)
    page = ENGINE.search(QUERY, None, OnePath())
    assert page.candidates == ()
    assert page.next == '{"iistart":"2016","continue":"||"}'
    half["batchcomplete"] = True
    answer(half)
    with pytest.raises(FormatChanged, match=r"imageinfo is missing"):
        ENGINE.search(QUERY, None, OnePath())


def test_a_file_that_is_lost_or_hidden_is_passed_over(answer) -> None:
    page = ADAPTER.json("gsroffset=")
    page["query"]["pages"][0]["imageinfo"] = [{"filemissing": True}]
    answer(page)
    assert [each.external_id for each in ENGINE.search(QUERY, None, OnePath()).candidates] == ["55132"]


def test_a_refusal_is_told_as_text(answer) -> None:
    answer({"error": {"code": "blocked", "info": "You are <b>blocked</b>"}}, status=403)
    with pytest.raises(EngineError, match=r"wikimedia refused the request \(status 403: You are blocked\)"):
        ENGINE.search(QUERY, None, OnePath())
