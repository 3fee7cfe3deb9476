"""Every way of writing a licence that the sources use comes to one code."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.licenses import TERMS, License, is_known, normalize

FORMS = Path(__file__).with_name("forms.txt")


def forms() -> list[tuple[str, str, str, str]]:
    """Return (text, code, version, address) per line of the table; an empty code stands for the text itself."""
    lines = [line for line in FORMS.read_text().splitlines() if line and not line.startswith("#")]
    rows = [[cell.strip() for cell in line.split(" |")] for line in lines]
    return [(text, code, version, (rest or [""])[0]) for text, code, version, *rest in rows]


def test_the_table_is_a_long_one() -> None:
    assert len(forms()) >= 140
    assert {code for _, code, _, _ in forms()} - {""} <= set(TERMS)


@pytest.mark.parametrize(("text", "code", "version", "url"), forms())
def test_a_form_comes_to_its_code(text: str, code: str, version: str, url: str) -> None:
    found = normalize(text, url=url)
    assert (found.code, found.version) == (code or text, version)
    assert is_known(found.code) == bool(code)


@pytest.mark.parametrize(("text", "code", "version", "url"), forms())
def test_what_was_normalised_stays_as_it_is(text: str, code: str, version: str, url: str) -> None:
    once = normalize(text, url=url)
    again = normalize(once.code, url=once.url)
    assert again.code == once.code
    if once.url:
        assert (again.url, again.version) in ((once.url, once.version), (once.url, ""))


@pytest.mark.parametrize("code", TERMS)
def test_every_code_of_the_table_names_itself(code: str) -> None:
    assert normalize(code).code == code
    assert normalize(code.lower()).code == code


def test_nothing_said_is_nothing() -> None:
    assert normalize("") == License("", "", "", "")
    assert normalize(" \n", url=" ") == License("", "", "", "")


def test_an_address_that_nobody_knows_is_kept() -> None:
    assert normalize("", url="https://example.com/terms") == License("", "", "https://example.com/terms", "")
    assert normalize("Museum terms", url="https://example.com/terms") == License(
        "Museum terms", "", "https://example.com/terms", "Museum terms"
    )


def test_a_licence_is_named_as_people_write_it_and_leads_to_its_terms() -> None:
    assert normalize("cc-by-sa-3.0-de") == License(
        "BY-SA", "3.0", "https://creativecommons.org/licenses/by-sa/3.0/de/", "CC BY-SA 3.0 DE"
    )
    assert normalize("Public domain").name == "Public domain"
    assert normalize("cc0").url == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert normalize("by").url == "", "without a version there is no one text"
    given = "https://creativecommons.org/licenses/by/4.0/deed.de"
    assert normalize("CC BY 4.0", url=given).url == given, "what the source gave is kept"


def test_a_long_foreign_text_is_read_in_a_moment_and_taken_for_nothing() -> None:
    for text in ("by " * 100_000, "cc" * 100_000, "<" * 100_000, "no derivative " * 50_000, "," * 100_000):
        assert not is_known(normalize(text).code)
