"""Brave's image search, as recorded: there is one page, and no licence."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/res/v1/images/search"

ADAPTER = Adapter(
    name="brave",
    search=SEARCH,
    turns=(),
    asks={"q": "red fox", "count": "200", "country": "ALL", "search_lang": "en", "safesearch": "strict"},
    found=(("https://pictures.test/fox-1.jpg", "https://pictures.test/fox-2.jpg"),),
    first=Candidate(
        external_id="https://pictures.test/fox-1.jpg",
        image_url="https://pictures.test/fox-1.jpg",
        thumb_url="https://imgs.search.brave.com/1",
        page_url="https://pages.test/fox-1",
        title="Red fox 1",
        width=1024,
        height=683,
        raw={"source": "pages.test", "confidence": "high"},
    ),
    duplicate="https://pictures.test/fox-1.jpg",
    unlicensed="https://pictures.test/fox-1.jpg",
    html_creator=None,
    needed=tuple(("", field) for field in ("results", "results[0].properties", "results[1].properties.url")),
    refusal="VALIDATION: Unable to validate request parameter(s)",
    settings={"PIXTASKS_BRAVE_API_KEY": "brave-key"},
    secrets=("brave-key",),
    bad_options=({"country": "Germany"}, {"language": "German"}, {"safe_search": "moderate"}, {"offset": 1}),
    good_options=(
        (
            {"country": "DE", "language": "de", "safe_search": "off", "spellcheck": True},
            {"country": "DE", "search_lang": "de", "safesearch": "off", "spellcheck": "true"},
        ),
    ),
)
