"""HTML in the fields of an answer."""

from __future__ import annotations

import pytest

from jobs.engines.markup import first_link, strip_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Plain text", "Plain text"),
        ("", ""),
        ("Fish &amp; Chips", "Fish & Chips"),
        ("AT&T", "AT&T"),
        ("3 < 4", "3 < 4"),
        ('<a href="//c.org/wiki/User:J" title="x">Jürgen\n <b>K.</b></a>', "Jürgen K."),
        ("<p>one</p><p>two<br>three</p>", "one two three"),
        ("a<script>alert(1)</script>b<style>p{}</style>c", "abc"),
        ("<!-- hidden -->shown", "shown"),
        ("<div><i>not closed", "not closed"),
        ("nul\0<b>l</b>", "null"),
    ],
)
def test_html_is_read_as_its_text(html: str, text: str) -> None:
    assert strip_html(html) == text


def test_the_first_link_to_the_web_is_the_address() -> None:
    base = "https://commons.example.org/"
    assert first_link('by <a href="/wiki/User:J">J</a>, <a href="http://b.org/">B</a>', base) == base + "wiki/User:J"
    assert first_link('<a href="//c.org/w%C3%A9">x</a>', base) == "https://c.org/w%C3%A9"
    assert first_link('<a href="mailto:a@b.c">m</a><a>n</a><a href="https://d.org">d</a>', base) == "https://d.org/"
    assert first_link("https://no.link.example/", base) == ""
