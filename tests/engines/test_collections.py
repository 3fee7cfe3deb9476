"""What only one of the collections does: sizes, further views, depth limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.engines import EngineError, EngineNotConfigured, Page, Query, parse_options, resolve
from jobs.fetch.images import FetchLimits
from jobs.fetch.web import WebClient
from pixtasks.common.net.guard import AddressPolicy

from . import adapter_aic, adapter_inaturalist, adapter_met, adapter_nasa
from .sources import Reply, Source

OFF = ("met", "aic", "cleveland", "inaturalist", "nasa")


@pytest.fixture
def source(settings) -> Iterator[Source]:
    server = Source()
    settings.PIXTASKS_ENGINE_URLS = dict.fromkeys(OFF, server.origin)
    settings.PIXTASKS_ENGINES_ENABLED = list(OFF)
    yield server
    server.stop()


def ask(source: Source, name: str, cursor: str | None = None, **options: object) -> Page:
    engine = resolve(name)
    with WebClient(AddressPolicy([f"127.0.0.1:{source.port}"]), FetchLimits()) as web:
        return engine.search(Query("fox", name, 10, parse_options(engine, options)), cursor, web)


def images(page: Page) -> list[str]:
    return [each.image_url.rpartition("/")[2] for each in page.candidates]


@pytest.mark.parametrize("name", OFF)
def test_a_collection_is_off_until_the_operator_lists_it(settings, name: str) -> None:
    settings.PIXTASKS_ENGINES_ENABLED = ["another"]
    with pytest.raises(EngineNotConfigured, match="PIXTASKS_ENGINES_ENABLED"):
        resolve(name)
    settings.PIXTASKS_ENGINES_ENABLED = ["another", name]
    assert resolve(name).missing() == []


def test_what_lies_too_deep_in_chicago_is_the_end_and_a_refusal_is_not(source: Source) -> None:
    source.play(adapter_aic.ADAPTER.replies("too deep"))
    assert ask(source, "aic", "11") == Page((), None)
    with pytest.raises(EngineError, match="You have requested too many results"):
        ask(source, "aic")
    source.play([Reply(adapter_aic.SEARCH, b'{"detail": "Forbidden"}', status=403)])
    with pytest.raises(EngineError, match="Forbidden"):
        ask(source, "aic", "11")


def test_images_of_chicago_have_the_width_that_is_asked_for(source: Source) -> None:
    source.play(adapter_aic.ADAPTER.replies())
    first = ask(source, "aic", width=1686).candidates[0]
    assert "/full/1686,/0/" in first.image_url
    assert (first.width, first.height) == (1686, 1124)
    small = ask(source, "aic", "2").candidates[1]
    assert (small.width, small.height) == (300, None)


def test_further_views_of_a_work_are_candidates_of_their_own(source: Source) -> None:
    source.play(adapter_met.ADAPTER.replies())
    page = ask(source, "met", additional_images=True)
    assert [each.external_id for each in page.candidates] == ["436532", "436532-1", "436532-2", "436534"]
    assert images(page) == ["DT436532.jpg", "DT1-a.jpg", "DT1-b.jpg", "DT436534.jpg"]


def test_a_work_that_cannot_be_read_is_not_passed_over(source: Source) -> None:
    broken = Reply(adapter_met.WORK.format(436532), b'{"message": "Forbidden"}', status=403)
    source.play([broken, *adapter_met.ADAPTER.replies()])
    with pytest.raises(EngineError, match=r"met refused the request .*Forbidden"):
        ask(source, "met")


def test_only_photographs_of_the_wanted_licences_are_taken_from_an_observation(source: Source) -> None:
    source.play(adapter_inaturalist.ADAPTER.replies())
    assert [each.external_id for each in ask(source, "inaturalist").candidates] == ["71", "72"]
    page = ask(source, "inaturalist", license=["CC0"], size="original")
    assert images(page) == ["original.jpg"]
    assert (page.candidates[0].width, page.candidates[0].height) == (2048, 1365)


@pytest.mark.parametrize(
    ("size", "files"),
    [
        ("medium", ["KSC%202009%201~medium.jpg", "PIA00001~medium.jpg"]),
        ("large", ["KSC%202009%201~large.jpg", "PIA00001~medium.jpg"]),
        ("orig", ["KSC%202009%201~orig.jpg", "PIA00001~orig.jpg"]),
    ],
)
def test_the_nearest_rendition_there_is_gets_fetched(source: Source, size: str, files: list[str]) -> None:
    source.play(adapter_nasa.ADAPTER.replies())
    assert images(ask(source, "nasa", size=size)) == files
    assert [each.path for each in source.asked] == ["/search", "/asset/PIA00001", "/asset/GONE1"]
