"""The Art Institute of Chicago, as recorded: one work under copyright, one without a picture."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/api/v1/artworks/search"
IMAGE = "https://www.artic.edu/iiif/2/ab12cd34-0000-0000-0000-000000016568/full"

ADAPTER = Adapter(
    name="aic",
    search=SEARCH,
    turns=("page",),
    asks={"q": "red fox", "page": "1", "limit": "100"},
    found=(("16568", "16569"), ("16568", "16571")),
    first=Candidate(
        external_id="16568",
        image_url=f"{IMAGE}/843,/0/default.jpg",
        thumb_url=f"{IMAGE}/400,/0/default.jpg",
        page_url="https://www.artic.edu/artworks/16568",
        title="Fox in the snow",
        creator="Claude Monet",
        license="CC0",
        license_version="1.0",
        license_url="https://creativecommons.org/publicdomain/zero/1.0/",
        attribution="Fox in the snow, Claude Monet, The Art Institute of Chicago, CC0",
        width=843,
        height=562,
        filetype="jpg",
        tags=("painting", "oil on canvas"),
        raw={
            "image_id": "ab12cd34-0000-0000-0000-000000016568",
            "date": "1888",
            "width": 3000,
            "height": 2000,
        },
    ),
    duplicate="16568",
    unlicensed="16569",
    html_creator=None,
    needed=tuple(
        ("", field)
        for field in (
            "data",
            "pagination",
            "pagination.total_pages",
            "config",
            "config.iiif_url",
            "data[0].id",
            "data[0].image_id",
            "data[0].title",
            "data[0].artist_title",
            "data[1].artist_display",
            "data[0].is_public_domain",
            "data[0].thumbnail",
        )
    ),
    refusal="Limit must be a number",
    bad_options=({"width": 500}, {"public_domain": "maybe"}, {"size": "large"}),
    good_options=(({}, {"query[term][is_public_domain]": "true"}), ({"width": 1686}, {"q": "red fox"})),
)
