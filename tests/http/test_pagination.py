"""Numbered pages and keyset pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from pixtasks.accounts.models import AuditEntry
from pixtasks.common.errors import InvalidInput
from pixtasks.common.pagination import PageRequest, decode_cursor, encode_cursor, keyset_page, parse_page


def _query(**query: object) -> Request:
    return Request(APIRequestFactory().get("/x", query))


def test_a_page_has_defaults_and_an_offset() -> None:
    assert parse_page(_query()) == PageRequest(1, 50)
    page = parse_page(_query(page=3, page_size=20))
    assert (page.offset, page.pages(41), page.pages(0)) == (40, 3, 0)
    assert page.body([1], 41) == {"items": [1], "total": 41, "page": 3, "page_size": 20}


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"page": 0}, "value_error.number.not_ge"),
        ({"page": "x"}, "type_error.integer"),
        ({"page": 10**30}, "value_error.number.not_le"),
        ({"page_size": 101}, "value_error.number.not_le"),
        ({"page_size": 0}, "value_error.number.not_ge"),
    ],
)
def test_a_bad_page_is_invalid_input(query: dict[str, object], kind: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_page(_query(**query))
    assert [(error.loc, error.type) for error in caught.value.errors] == [(("query", next(iter(query))), kind)]


def test_a_cursor_comes_back_as_it_went() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    text = encode_cursor([moment, 7, "é/+?"])
    assert text.isascii()
    assert not set("=+/") & set(text)
    assert decode_cursor(text, datetime, int, str) == [moment, 7, "é/+?"]


FORGED = ["", "x", "é", "====", "W10", encode_cursor([2**63]), encode_cursor(["a"]), encode_cursor([1, 2]), "bnVsbA"]


@pytest.mark.parametrize("text", FORGED)
def test_a_forged_cursor_is_invalid_input(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_cursor(text, int)
    assert caught.value.errors[0].loc == ("query", "cursor")


@pytest.mark.parametrize("value", [True, 1.5, None, [], "\x00"])
def test_a_cursor_of_another_type_is_invalid_input(value: object) -> None:
    with pytest.raises(InvalidInput):
        decode_cursor(encode_cursor([value]), int)  # type: ignore[list-item]
    with pytest.raises(InvalidInput):
        decode_cursor(encode_cursor([value]), datetime)  # type: ignore[list-item]


@pytest.mark.django_db
@pytest.mark.parametrize("newest_first", [True, False])
def test_keyset_pages_hold_every_row_once_also_where_values_repeat(newest_first: bool) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(11):
        AuditEntry.objects.create(actor_name="x", action=str(number), created_at=start + timedelta(seconds=number // 3))
    seen: list[int] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        page = keyset_page(
            AuditEntry.objects.all(),
            cursor=cursor,
            limit=4,
            order=(("created_at", datetime), ("id", int)),
            newest_first=newest_first,
        )
        seen += [row.pk for row in page.rows]
        cursor, pages = page.next, pages + 1
    assert pages == 3
    assert seen == sorted(seen, reverse=newest_first)
    assert len(set(seen)) == 11


@pytest.mark.django_db
def test_the_last_page_has_no_next() -> None:
    for number in range(4):
        AuditEntry.objects.create(actor_name="x", action=str(number))
    page = keyset_page(AuditEntry.objects.all(), cursor="", limit=4)
    assert page.next is None
    assert page.body(["a"]) == {"items": ["a"], "next": None}
