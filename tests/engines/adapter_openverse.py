"""Openverse, as recorded."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/v1/images/"
FOX = "0aff3595-8168-440b-83ff-7a80b65dea42"
LICENSE = "https://creativecommons.org/licenses/by-sa/4.0/"

ADAPTER = Adapter(
    name="openverse",
    search=SEARCH,
    turns=("page",),
    asks={"q": "red fox", "page": "1", "page_size": "20", "mature": "false", "filter_dead": "true"},
    found=(
        (FOX, "4bc43a04-ef46-4544-a0c1-63c63f56e276", "7c829a03-fb24-4b57-9b03-65f43ed19395"),
        (FOX, "f9384235-b72e-4f1e-9b05-e1b116262a29"),
    ),
    first=Candidate(
        external_id=FOX,
        image_url="https://live.staticflickr.com/1/0aff3595.jpg",
        thumb_url=f"https://api.openverse.org/v1/images/{FOX}/thumb/",
        page_url="https://www.flickr.com/photos/1/0aff3595",
        title="Red Fox",
        creator="Peter K. Burian",
        creator_url="https://www.flickr.com/photos/1",
        license="BY-SA",
        license_version="4.0",
        license_url=LICENSE,
        attribution='"Red Fox" by Peter K. Burian is licensed under CC BY-SA 4.0. '
        f"To view a copy of this license, visit {LICENSE}.",
        width=1024,
        height=683,
        filetype="jpg",
        tags=("fox", "red fox"),
        raw={"source": "flickr", "provider": "flickr", "category": "photograph", "mature": False},
    ),
    duplicate=FOX,
    unlicensed="",
    html_creator=None,
    needed=tuple(
        ("", field)
        for field in (
            "results",
            "page_count",
            "results[0].id",
            "results[1].url",
            "results[2].license",
            "results[0].license_version",
            "results[0].license_url",
            "results[0].attribution",
            "results[0].creator",
            "results[0].title",
            "results[0].foreign_landing_url",
            "results[0].tags[1].name",
        )
    ),
    refusal="'license' -> License 'X' does not exist",
    bad_options=(
        {"license": ["GPL"]},
        {"license": "BY"},
        {"size": "huge"},
        {"source": ["flickr"], "excluded_source": ["met"]},
        {"source": ["a,b"]},
        {"page": 3},
    ),
    good_options=(
        (
            {"license": ["CC0", "BY-SA"], "category": "photograph", "aspect_ratio": "wide", "size": "large"},
            {"license": "cc0,by-sa", "category": "photograph", "aspect_ratio": "wide", "size": "large"},
        ),
        (
            {"license_type": ["commercial", "modification"], "extension": ["jpg", "png"], "mature": True},
            {"license_type": "commercial,modification", "extension": "jpg,png", "mature": "true"},
        ),
        ({"excluded_source": ["flickr", "met"]}, {"excluded_source": "flickr,met"}),
    ),
)
