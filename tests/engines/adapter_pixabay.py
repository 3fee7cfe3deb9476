"""Pixabay, as recorded: one hit of an account with full access; errors are lines of text."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/api/"

ADAPTER = Adapter(
    name="pixabay",
    search=SEARCH,
    turns=("page",),
    asks={
        "key": "pixabay+key", "q": "red fox", "page": "1", "per_page": "100", "image_type": "photo",
        "safesearch": "true", "lang": "en", "order": "popular",
    },
    found=(("201", "202", "203"), ("201", "204")),
    first=Candidate(
        external_id="201",
        image_url="https://pixabay.com/get/201_1280.jpg",
        thumb_url="https://cdn.pixabay.com/photo/2017/01/fox-201_150.jpg",
        page_url="https://pixabay.com/photos/fox-animal-201/",
        title="fox, animal, wild life",
        creator="Josch13",
        creator_url="https://pixabay.com/users/48777/",
        license="PIXABAY",
        license_url="https://pixabay.com/service/license-summary/",
        attribution="Image by Josch13 from Pixabay",
        tags=("fox", "animal", "wild life"),
        raw={"type": "photo"},
    ),
    duplicate="201",
    unlicensed="",
    html_creator=("202", "Fox & Co", "https://pixabay.com/users/48777/"),
    needed=tuple(
        ("", field)
        for field in (
            "hits", "totalHits", "hits[0].id", "hits[0].largeImageURL", "hits[1].pageURL", "hits[1].user",
            "hits[2].user_id",
        )
    ),
    refusal='"per_page" is out of valid range',
    settings={"PIXTASKS_PIXABAY_API_KEY": "pixabay+key"},
    secrets=("pixabay+key", "pixabay%2Bkey"),
    bad_options=(
        {"type": "video"}, {"orientation": "square"}, {"category": "cats"}, {"color": ["gold"]}, {"min_width": -1},
        {"language": "xx"},
    ),
    good_options=(
        (
            {
                "type": "vector", "orientation": "vertical", "category": "animals", "color": ["red", "transparent"],
                "min_width": 800, "min_height": 600, "editors_choice": True, "order": "latest", "language": "de",
                "safe_search": "off",
            },
            {
                "image_type": "vector", "orientation": "vertical", "category": "animals", "colors": "red,transparent",
                "min_width": "800", "min_height": "600", "editors_choice": "true", "order": "latest", "lang": "de",
                "safesearch": "false",
            },
        ),
    ),
)  # fmt: skip
