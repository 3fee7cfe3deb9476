"""The Cleveland Museum of Art, as recorded: a title and creator with markup, one work without a picture."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/api/artworks/"
IMAGE = "https://openaccess-cdn.clevelandart.org/1949.101/1949.101"
CREATORS = "Albrecht Dürer (German, 1471–1528); Workshop"

ADAPTER = Adapter(
    name="cleveland",
    search=SEARCH,
    turns=("skip",),
    asks={"q": "red fox", "has_image": "1", "limit": "100", "skip": "0"},
    found=(("101", "102"), ("101", "104")),
    first=Candidate(
        external_id="101",
        image_url=f"{IMAGE}_print.jpg",
        thumb_url=f"{IMAGE}_web.jpg",
        page_url="https://clevelandart.org/art/1949.101",
        title="The Fox and the Crow",
        creator=CREATORS,
        license="CC0",
        license_version="1.0",
        license_url="https://creativecommons.org/publicdomain/zero/1.0/",
        attribution=f"The Fox and the Crow, {CREATORS}, The Cleveland Museum of Art, CC0",
        width=3400,
        height=2284,
        filetype="jpg",
        tags=("Print", "Prints"),
        raw={"accession_number": "1949.101", "share_license_status": "CC0", "date": "c. 1500"},
    ),
    duplicate="101",
    unlicensed="102",
    html_creator=("101", CREATORS, ""),
    needed=tuple(
        ("", field)
        for field in (
            "data",
            "info",
            "info.total",
            "data[0].id",
            "data[0].images",
            "data[0].images.print.url",
            "data[0].title",
            "data[0].creators",
            "data[0].creators[0].description",
            "data[0].share_license_status",
            "data[0].url",
        )
    ),
    refusal="value is not a valid integer",
    bad_options=({"size": "full"}, {"type": ""}, {"cc0": "maybe"}),
    good_options=(
        ({}, {"cc0": "1"}),
        ({"type": "Print", "department": "Prints"}, {"type": "Print", "department": "Prints"}),
    ),
)
