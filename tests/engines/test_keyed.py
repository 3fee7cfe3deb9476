"""The sources that want a key: what is their own, and that no key gets out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.engines import (
    EngineError,
    EngineNotConfigured,
    EngineUnavailable,
    FormatChanged,
    Page,
    Query,
    engines,
    resolve,
)
from jobs.engines.asking import Refused
from jobs.engines.google import _until_midnight
from jobs.engines.keys import KeyedEngine, hide
from jobs.fetch.web import WebClient
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from pixtasks.settings import env

from .adapters import PAGES, Adapter, adapters
from .sources import Reply, Source

ADAPTERS = {adapter.name: adapter for adapter in adapters() if isinstance(engines[adapter.name], KeyedEngine)}
KEYED = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)


@pytest.fixture(scope="module")
def server() -> Iterator[Source]:
    source = Source()
    yield source
    source.stop()


@pytest.fixture
def web(server: Source) -> Iterator[WebClient]:
    with WebClient(
        AddressPolicy([f"127.0.0.1:{server.port}"]), FetchLimits(connect_seconds=5, total_seconds=20)
    ) as web:
        yield web


@pytest.fixture(autouse=True)
def _sources(server: Source, settings) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {}
    settings.PIXTASKS_ENGINE_URLS = dict.fromkeys(ADAPTERS, server.origin)
    for adapter in ADAPTERS.values():
        for name, value in adapter.settings.items():
            setattr(settings, name, value)


def search(
    name: str, server: Source, web: WebClient, *replies: Reply, keyword: str = "red fox", limit: int = 100,
    cursor: str | None = None, case: str = PAGES, **options: object,
) -> Page:  # fmt: skip
    server.play(replies or ADAPTERS[name].replies(case))
    engine = resolve(name)
    return engine.search(Query(keyword, name, limit, engine.Options.model_validate(options)), cursor, web)


# --- keys -----------------------------------------------------------------------------------------------------------


@KEYED
def test_a_missing_key_is_named_and_nobody_is_asked(adapter: Adapter, server: Source, web: WebClient, settings) -> None:
    for name in adapter.settings:
        setattr(settings, name, "")
    with pytest.raises(EngineNotConfigured, match=" and ".join(adapter.settings).replace(" and ", ", ")) as caught:
        resolve(adapter.name)
    assert caught.value.missing == list(adapter.settings)
    server.play(adapter.replies())
    engine = engines[adapter.name]
    with pytest.raises(EngineError, match="which is not set"):
        engine.search(Query("fox", adapter.name, 10, engine.Options()), None, web)
    assert server.asked == []


@KEYED
def test_a_key_may_come_from_a_file(adapter: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in adapter.settings:
        (tmp_path / name).write_text("from a file\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
        assert env.text(name) == "from a file"


@KEYED
def test_a_key_that_cannot_be_sent_is_told_without_it(
    adapter: Adapter, server: Source, web: WebClient, settings
) -> None:
    name = next(iter(adapter.settings))
    setattr(settings, name, "clé\n")
    with pytest.raises(EngineError, match=f"{name} holds characters") as caught:
        search(adapter.name, server, web)
    assert "clé" not in str(caught.value)


@KEYED
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
def test_a_source_that_repeats_the_key_does_not_spread_it(
    adapter: Adapter, status: int, server: Source, web: WebClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = " ".join(adapter.secrets)
    for body in (
        echo.encode(),
        json.dumps({"message": echo, "code": echo, "error": {"detail": echo, "message": echo, "code": echo}}).encode(),
        json.dumps({"stat": "fail", "code": 100, "message": echo}).encode(),
    ):
        with pytest.raises(EngineError) as caught:
            search(adapter.name, server, web, Reply(adapter.search, body, status=status))
        error = caught.value
        told = f"{error} {error.message} {error.args} {getattr(error, 'said', '')} {caplog.text}"
        assert not any(secret in told for secret in adapter.secrets), told


@KEYED
def test_no_candidate_holds_a_key(
    adapter: Adapter, server: Source, web: WebClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cursor, seen = None, ""
    for _ in range(3):
        page = search(adapter.name, server, web, cursor=cursor)
        seen += repr(page) + json.dumps([dict(each.raw) for each in page.candidates])
        cursor = page.next
        if cursor is None:
            break
    assert "fox" in seen
    assert not any(secret in seen + caplog.text for secret in adapter.secrets)


def test_flickr_tells_a_refused_key_with_status_200(server: Source, web: WebClient) -> None:
    body = json.dumps({"stat": "fail", "code": 100, "message": "Invalid API Key (flickr+key)"}).encode()
    with pytest.raises(EngineError, match=r"Invalid API Key \(\[key\]\).*Check PIXTASKS_FLICKR_API_KEY") as caught:
        search("flickr", server, web, Reply("/services/rest/", body))
    assert not isinstance(caught.value, EngineUnavailable)


@pytest.mark.parametrize(("name", "header"), [("pexels", "authorization"), ("brave", "x-subscription-token")])
def test_a_key_travels_in_the_header_alone(name: str, header: str, server: Source, web: WebClient) -> None:
    search(name, server, web)
    (secret,) = ADAPTERS[name].secrets
    assert server.asked[0].headers[header] == secret
    assert secret not in server.asked[0].query.values()


def test_a_key_in_a_header_does_not_follow_a_redirect_to_another_host(server: Source, web: WebClient) -> None:
    elsewhere = f"http://localhost:{server.port}/elsewhere"
    replies = (Reply("/v1/search", status=302, headers={"Location": elsewhere}), Reply("/elsewhere", b'{"photos": []}'))
    assert search("pexels", server, web, *replies).candidates == ()
    assert [(each.path, "authorization" in each.headers) for each in server.asked] == [
        ("/v1/search", True),
        ("/elsewhere", False),
    ]


def test_hiding_takes_every_form_of_a_key_out() -> None:
    error = Refused("k/1 k%2F1 and k/1", answered=403, said="k/1")
    hide(error, ["k/1"])
    assert (str(error), error.message, error.said) == ("[key] [key] and [key]",) * 2 + ("[key]",)


# --- google ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["quota", "quota as of old"])
def test_googles_quota_of_the_day_waits_for_midnight_in_california(case: str, server: Source, web: WebClient) -> None:
    with pytest.raises(EngineUnavailable, match="quota of the day") as caught:
        search("google", server, web, case=case)
    assert caught.value.retry_after is not None
    assert 60 <= caught.value.retry_after <= 25 * 3600


def test_googles_quota_of_the_minute_passes_although_it_is_a_403(server: Source, web: WebClient) -> None:
    with pytest.raises(EngineUnavailable, match="userRateLimitExceeded: User Rate Limit Exceeded") as caught:
        search("google", server, web, case="busy")
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 7, 1, 6, 0, tzinfo=UTC), 3_600),  # 23:00 in summer
        (datetime(2026, 1, 1, 8, 0, tzinfo=UTC), 86_400),  # midnight in winter
        (datetime(2026, 3, 8, 8, 0, tzinfo=UTC), 23 * 3_600),  # the day that loses an hour
        (datetime(2026, 1, 1, 7, 59, 50, tzinfo=UTC), 60),
    ],
)
def test_midnight_in_california_is_told_by_its_own_clock(now: datetime, seconds: float) -> None:
    assert _until_midnight(now) == seconds


def test_google_is_never_asked_beyond_its_hundredth_result(server: Source, web: WebClient) -> None:
    page = ADAPTERS["google"].json()
    page["queries"]["nextPage"][0]["startIndex"] = 101
    body = json.dumps(page).encode()
    found = search("google", server, web, Reply("/customsearch/v1", body), cursor="91")
    assert found.candidates and found.next is None
    assert server.asked[0].query["num"] == "9"
    for cursor in ("100", "101", "0"):
        with pytest.raises(EngineError, match="start the search anew"):
            search("google", server, web, cursor=cursor)


def test_google_may_run_dry_on_a_later_page_although_it_claimed_more(server: Source, web: WebClient) -> None:
    body = json.dumps({"queries": {}, "searchInformation": {"totalResults": "12"}}).encode()
    assert search("google", server, web, Reply("/customsearch/v1", body), cursor="11") == Page((), None)
    with pytest.raises(FormatChanged, match="google: items"):
        search("google", server, web, Reply("/customsearch/v1", body))


# --- flickr ---------------------------------------------------------------------------------------------------------

REST = "/services/rest/"
LICENSES = next(each for each in ADAPTERS["flickr"].replies() if "licenses" in each.query["method"])


def test_flickrs_licences_are_asked_for_once_and_of_every_version(server: Source, web: WebClient) -> None:
    page = search("flickr", server, web, license=["BY-SA"])
    assert [each.query["method"] for each in server.asked] == ["flickr.photos.licenses.getInfo", "flickr.photos.search"]
    assert server.asked[1].query["license"] == "5,12"
    assert [(each.license, each.license_version) for each in page.candidates] == [
        ("BY", "2.0"),
        ("BY-SA", "4.0"),
        ("", ""),
    ]
    search("flickr", server, web, cursor=page.next, license=["BY-SA"])
    assert [each.query["method"] for each in server.asked] == ["flickr.photos.search"]
    assert server.asked[0].query["license"] == "5,12"


def test_no_licence_of_flickr_means_every_photo(server: Source, web: WebClient) -> None:
    search("flickr", server, web, license=[])
    assert "license" not in server.asked[1].query


def test_a_licence_that_flickr_does_not_list_is_an_error_and_no_unfiltered_search(
    server: Source, web: WebClient
) -> None:
    body = json.dumps({"stat": "ok", "licenses": {"license": [{"id": 0, "name": "All Rights Reserved", "url": ""}]}})
    with pytest.raises(EngineError, match="flickr has none of the licences BY, BY-SA, CC0, PDM"):
        search("flickr", server, web, Reply(REST, body.encode()))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("size", "suffixes"),
    [("original", ("_cd34_o", "_ab12_c")), ("large", ("_ab12_b", "_ab12_c")), ("medium", ("_ab12_c", "_ab12_c")),
     ("small", ("_ab12", "_ab12"))],
)  # fmt: skip
def test_the_rendition_that_is_wanted_or_the_next_smaller_one(
    size: str, suffixes: tuple[str, ...], server: Source, web: WebClient
) -> None:
    first, second, *_ = search("flickr", server, web, size=size).candidates
    assert [first.image_url, second.image_url] == [
        f"https://live.staticflickr.com/65535/{number}{suffix}.jpg"
        for number, suffix in zip(("5001", "5002"), suffixes, strict=True)
    ]


def test_photos_without_any_file_are_a_format_that_changed_only_where_all_are(server: Source, web: WebClient) -> None:
    page: dict[str, Any] = ADAPTERS["flickr"].json("page=1")
    page["photos"]["photo"] = page["photos"]["photo"][3:]
    with pytest.raises(FormatChanged, match=r"flickr: photos\.photo\[0\]\.url_m"):
        search("flickr", server, web, LICENSES, Reply(REST, json.dumps(page).encode()))


def test_flickr_is_not_asked_beyond_what_it_repeats(server: Source, web: WebClient) -> None:
    page: dict[str, Any] = ADAPTERS["flickr"].json("page=1")
    page["photos"]["pages"] = 1000
    endless = (LICENSES, Reply(REST, json.dumps(page).encode()))
    cursor, asked = None, 0
    while asked < 50:
        found = search("flickr", server, web, *endless, limit=500, cursor=cursor)
        asked, cursor = asked + 1, found.next
        if cursor is None:
            break
    assert asked == 8
    assert server.asked[-1].query["per_page"] == "500"


@pytest.mark.parametrize(("case", "retry_after"), [("down", None), ("quota", 3600.0)])
def test_flickr_tells_troubles_with_status_200(
    case: str, retry_after: float | None, server: Source, web: WebClient
) -> None:
    with pytest.raises(EngineUnavailable, match="flickr failed") as caught:
        search("flickr", server, web, case=case)
    assert caught.value.retry_after == retry_after
    told = (replace(each, headers={"Retry-After": "9"}) for each in ADAPTERS["flickr"].replies(case))
    with pytest.raises(EngineUnavailable) as caught:
        search("flickr", server, web, *told)
    assert caught.value.retry_after == 9.0


# --- pexels, pixabay, brave -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rendition", ["original", "large2x", "large", "medium", "small"])
def test_pexels_gives_the_rendition_and_the_size_of_the_original_alone(
    rendition: str, server: Source, web: WebClient
) -> None:
    first = search("pexels", server, web, rendition=rendition).candidates[0]
    recorded = ADAPTERS["pexels"].json()["photos"][0]
    assert first.image_url == recorded["src"][rendition]
    assert first.width == (3888 if rendition == "original" else None)


def test_a_page_of_pexels_without_photos_is_the_last(server: Source, web: WebClient) -> None:
    body = json.dumps({"photos": [], "next_page": "https://api.pexels.com/v1/search/?page=3"}).encode()
    assert search("pexels", server, web, Reply("/v1/search", body)).next is None


def test_pixabay_gives_the_best_file_that_the_account_may_have(server: Source, web: WebClient) -> None:
    first, _, full = search("pixabay", server, web).candidates
    assert (first.image_url, first.width) == ("https://pixabay.com/get/201_1280.jpg", None)
    assert (full.image_url, full.width, full.height) == ("https://pixabay.com/get/203.jpg", 4000, 2666)


@pytest.mark.parametrize("content_type", ["text/plain", "text/html; charset=utf-8"])
def test_pixabay_refuses_a_key_in_a_line_of_text(content_type: str, server: Source, web: WebClient) -> None:
    with pytest.raises(EngineError, match=r"Invalid or missing API key.*Check PIXTASKS_PIXABAY_API_KEY") as caught:
        search("pixabay", server, web, *_of_type("unknown key", content_type))
    assert not isinstance(caught.value, EngineUnavailable)
    with pytest.raises(EngineUnavailable, match="API rate limit exceeded"):
        search("pixabay", server, web, *_of_type("quota", content_type))


def _of_type(case: str, content_type: str) -> list[Reply]:
    return [replace(each, content_type=content_type) for each in ADAPTERS["pixabay"].replies(case)]


def test_brave_refuses_a_key_with_422(server: Source, web: WebClient) -> None:
    with pytest.raises(EngineError, match=r"SUBSCRIPTION_TOKEN_INVALID.*Check PIXTASKS_BRAVE_API_KEY") as caught:
        search("brave", server, web, case="unknown key")
    assert not isinstance(caught.value, EngineUnavailable)


def test_brave_tells_which_of_its_two_windows_is_used_up(server: Source, web: WebClient) -> None:
    with pytest.raises(EngineUnavailable, match="RATE_LIMITED") as caught:
        search("brave", server, web, case="quota")
    assert caught.value.retry_after == 86_400
    (limited,), (page,) = (ADAPTERS["brave"].replies(case) for case in ("quota", PAGES))
    headers = {**limited.headers, "X-Ratelimit-Remaining": "0, 14522"}
    assert search("brave", server, web, replace(page, headers=headers)).wait == 1.0


def test_brave_is_asked_for_as_many_as_it_gives_because_it_has_one_page(server: Source, web: WebClient) -> None:
    for limit, count in ((1, "20"), (30, "60"), (1000, "200")):
        search("brave", server, web, limit=limit)
        assert server.asked[0].query["count"] == count


@pytest.mark.parametrize(
    ("name", "keyword"), [("pixabay", "f" * 101), ("brave", "f" * 401), ("brave", "f " * 51)], ids=["100", "400", "50"]
)
def test_a_keyword_that_is_too_long_is_not_cut_but_refused(
    name: str, keyword: str, server: Source, web: WebClient
) -> None:
    with pytest.raises(EngineError, match=f"{name} takes keywords of at most"):
        search(name, server, web, keyword=keyword)
    assert server.asked == []
