"""NASA, as recorded: one image with its renditions, one whose renditions are asked for, one that is gone."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/search"
IMAGE = "https://images-assets.nasa.gov/image/KSC%202009%201/KSC%202009%201"

ADAPTER = Adapter(
    name="nasa",
    search=SEARCH,
    turns=("page",),
    asks={"q": "red fox", "media_type": "image", "page": "1", "page_size": "25"},
    found=(("KSC 2009 1", "PIA00001"), ("KSC 2009 1", "S92-1")),
    first=Candidate(
        external_id="KSC 2009 1",
        image_url=f"{IMAGE}~large.jpg",
        thumb_url=f"{IMAGE}~thumb.jpg",
        page_url="https://images.nasa.gov/details/KSC%202009%201",
        title="Fox at the pad",
        creator="NASA/Bill Ingalls",
        attribution="Fox at the pad, NASA/Bill Ingalls, NASA HQ",
        filetype="jpg",
        tags=("Fox", "Kennedy Space Center"),
        raw={"center": "HQ", "date": "2009-07-19T00:00:00Z"},
    ),
    duplicate="KSC 2009 1",
    unlicensed="PIA00001",
    html_creator=None,
    needed=(
        *(
            ("", field)
            for field in (
                "collection",
                "collection.items",
                "collection.links",
                "collection.metadata",
                "collection.metadata.total_hits",
                "collection.items[0].data",
                "collection.items[0].data[0].nasa_id",
                "collection.items[0].data[0].title",
                "collection.items[0].links[0].href",
            )
        ),
        ("asset/PIA00001", "collection.items[0].href"),
    ),
    refusal="Expected 'q' text search parameter or other keywords",
    bad_options=({"size": "thumb"}, {"center": "J P L"}, {"year_start": 1492}, {"license": ["CC0"]}),
    good_options=(
        (
            {"center": "JPL", "photographer": "Ann", "year_start": 1990, "year_end": 1999, "size": "orig"},
            {"center": "JPL", "photographer": "Ann", "year_start": "1990", "year_end": "1999"},
        ),
    ),
)
