"""iNaturalist, as recorded: several photographs of one observation, one with all rights reserved, one unnamed."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/v1/observations"
PHOTO = "https://inaturalist-open-data.s3.amazonaws.com/photos/71"

ADAPTER = Adapter(
    name="inaturalist",
    search=SEARCH,
    turns=("id_below",),
    asks={"taxon_name": "red fox", "photos": "true", "quality_grade": "research", "order_by": "id", "order": "desc"},
    found=(("71", "72", "73"), ("71", "74")),
    first=Candidate(
        external_id="71",
        image_url=f"{PHOTO}/large.jpg",
        thumb_url=f"{PHOTO}/medium.jpg",
        page_url="https://www.inaturalist.org/observations/9004",
        title="Red Fox",
        creator="Jane Doe",
        creator_url="https://www.inaturalist.org/people/foxwatcher",
        license="BY",
        attribution="(c) Jane Doe, some rights reserved (CC BY)",
        tags=("Vulpes vulpes", "Red Fox"),
        raw={
            "observation": 9004,
            "taxon": "Vulpes vulpes",
            "taxon_id": 42069,
            "rank": "species",
            "quality_grade": "research",
        },
    ),
    duplicate="71",
    unlicensed="73",
    html_creator=None,
    needed=tuple(
        ("", field)
        for field in (
            "results",
            "total_results",
            "results[0].photos",
            "results[0].taxon",
            "results[0].taxon.name",
            "results[0].user",
            "results[0].user.login",
            "results[0].uri",
            "results[1].id",
            "results[0].photos[0].id",
            "results[0].photos[1].url",
            "results[0].photos[0].license_code",
            "results[0].photos[0].attribution",
        )
    ),
    refusal="Unknown taxon_name red fox",
    bad_options=({"license": ["PDM"]}, {"match": "genus"}, {"quality_grade": "best"}, {"place": 0}, {"size": "square"}),
    good_options=(
        ({}, {"photo_license": "cc0,cc-by"}),
        (
            {"match": "text", "license": ["BY-NC-SA"], "place": 7, "captive": False, "quality_grade": "casual"},
            {
                "q": "red fox",
                "photo_license": "cc-by-nc-sa",
                "place_id": "7",
                "captive": "false",
                "quality_grade": "casual",
            },
        ),
    ),
)
