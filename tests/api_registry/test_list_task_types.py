"""``GET /api/task-types`` (CONTRACT R05, R31, X04, X23)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api_registry.conftest import TYPES


def names(response: Any) -> list[str]:
    assert response.status_code == 200
    return [row["name"] for row in response.json()]


def test_an_empty_list_is_a_bare_array(client: APIClient) -> None:
    response = client.get(TYPES)
    assert (response.json(), response["X-Total-Count"], response.has_header("Link")) == ([], "0", False)


def test_inactive_types_are_listed_only_on_demand(client: APIClient, make_type: Any) -> None:
    for name in ("one", "two", "three"):
        made = make_type(name)
    client.delete(f"{TYPES}/{made['id']}")
    assert names(client.get(TYPES)) == ["one", "two"]
    assert names(client.get(TYPES, {"include_inactive": "false"})) == ["one", "two"]
    everything = client.get(TYPES, {"include_inactive": "true"})
    assert (names(everything), everything["X-Total-Count"]) == (["one", "two", "three"], "3")


def test_everybody_reads_them(owned: APIClient, make_type: Any) -> None:
    """CONTRACT X23."""
    make_type("of local")
    assert names(owned.get(TYPES)) == ["of local"]


def test_pages_follow_the_link(client: APIClient, make_type: Any) -> None:
    for number in range(5):
        make_type(f"type {number}")
    response, found = client.get(TYPES, {"limit": 2}), []
    while True:
        assert response["X-Total-Count"] == "5"
        found += names(response)
        if not response.has_header("Link"):
            break
        response = client.get(response["Link"].split(">")[0][1:])
    assert found == [f"type {number}" for number in range(5)]


def test_words_are_searched_for(client: APIClient, make_type: Any) -> None:
    make_type("video_processing", description="Process films", metadata={"category": "media"})
    make_type("data_analysis", description="Analyze datasets")
    response = client.get(TYPES, {"q": "films MEDIA"})
    assert (names(response), response.has_header("X-Total-Count")) == (["video_processing"], False)
    assert names(client.get(TYPES, {"q": "films datasets"})) == []


@pytest.mark.parametrize("query", [{"include_inactive": "perhaps"}, {"limit": 0}, {"cursor": "x"}, {"q": ""}])
def test_a_wrong_query_is_refused(client: APIClient, query: dict[str, Any]) -> None:
    assert client.get(TYPES, query).status_code == 422
