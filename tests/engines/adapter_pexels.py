"""Pexels, as recorded."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/v1/search"
PHOTO = "https://images.pexels.com/photos/101/pexels-photo-101.jpeg"

ADAPTER = Adapter(
    name="pexels",
    search=SEARCH,
    turns=("page",),
    asks={"query": "red fox", "page": "1", "per_page": "80"},
    found=(("101", "102", "103"), ("101", "104")),
    first=Candidate(
        external_id="101",
        image_url=PHOTO,
        thumb_url=f"{PHOTO}?auto=compress&cs=tinysrgb&h=130",
        page_url="https://www.pexels.com/photo/red-fox-101/",
        title="Red fox 101",
        creator="Jane Doe",
        creator_url="https://www.pexels.com/@jane",
        license="PEXELS",
        license_url="https://www.pexels.com/license/",
        attribution="Photo by Jane Doe on Pexels",
        width=3888,
        height=2592,
        raw={"avg_color": "#8A6F5C"},
    ),
    duplicate="101",
    unlicensed="",
    html_creator=("102", "Fox & Co", "https://www.pexels.com/@jane"),
    needed=tuple(
        ("", field)
        for field in (
            "photos", "photos[0].id", "photos[0].src", "photos[1].src.original", "photos[2].photographer",
            "photos[1].url", "photos[0].width", "photos[0].height",
        )
    ),
    refusal="Bad Request: invalid color",
    settings={"PIXTASKS_PEXELS_API_KEY": "pexels-key"},
    secrets=("pexels-key",),
    bad_options=({"size": "huge"}, {"color": "#12"}, {"locale": "de"}, {"orientation": "tall"}, {"rendition": "tiny"}),
    good_options=(
        (
            {"orientation": "square", "size": "large", "color": "#ffaa00", "locale": "de-DE"},
            {"orientation": "square", "size": "large", "color": "#ffaa00", "locale": "de-DE"},
        ),
    ),
)  # fmt: skip
