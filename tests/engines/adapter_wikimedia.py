"""Wikimedia Commons, as recorded: results out of order, a drawing, one without metadata and one still to come."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/w/api.php"
ORIGINAL = "https://upload.wikimedia.org/wikipedia/commons/1/16/Fox_study_6.jpg"
THUMB = "https://upload.wikimedia.org/wikipedia/commons/thumb/1/16/Fox_study_6.jpg/1280px-Fox_study_6.jpg"

ADAPTER = Adapter(
    name="wikimedia",
    search=SEARCH,
    turns=("gsroffset",),
    asks={
        "gsrsearch": "filetype:bitmap red fox",
        "gsrnamespace": "6",
        "iiurlwidth": "1280",
        "maxlag": "5",
        "formatversion": "2",
    },
    found=(("55132", "55133", "55135"), ("55132", "55139")),
    first=Candidate(
        external_id="55132",
        image_url=THUMB,
        thumb_url=THUMB,
        page_url="https://commons.wikimedia.org/wiki/File:Fox_study_6.jpg",
        title="Fox study 6",
        creator="Jane Doe & friends",
        creator_url="https://commons.wikimedia.org/wiki/User:Jane_Doe",
        license="BY-SA",
        license_version="4.0",
        license_url="https://creativecommons.org/licenses/by-sa/4.0",
        attribution="Fox study 6, Jane Doe & friends, CC BY-SA 4.0, via Wikimedia Commons",
        width=1280,
        height=853,
        filetype="jpg",
        tags=("Vulpes vulpes in snow", "Quality images", "Taken with Canon EOS 7D"),
        raw={
            "file": "File:Fox study 6.jpg",
            "original": ORIGINAL,
            "width": 3456,
            "height": 2304,
            "bytes": 2345678,
            "mime": "image/jpeg",
            "sha1": "a" * 40,
            "usage_terms": "Creative Commons Attribution-Share Alike 4.0",
        },
    ),
    duplicate="55132",
    unlicensed="55135",
    html_creator=("55132", "Jane Doe & friends", "https://commons.wikimedia.org/wiki/User:Jane_Doe"),
    needed=tuple(
        ("", field)
        for field in (
            "query",
            "query.pages",
            "query.pages[1].index",
            "query.pages[1].pageid",
            "query.pages[1].title",
            "query.pages[1].imageinfo[0].url",
            "query.pages[1].imageinfo[0].descriptionurl",
            "query.pages[1].imageinfo[0].mediatype",
            "query.pages[1].imageinfo[0].extmetadata",
        )
    ),
    may_be_absent=("continue", "continue.gsroffset"),  # only the last page has none, and there is no total
    refusal='badinteger: Invalid value "x" for integer parameter "gsroffset"',
    bad_options=({"width": 1279}, {"license": "CC0"}, {"filetype": "svg"}, {"min_width": 0}),
    good_options=(
        (
            {"license": "attribution", "filetype": "png", "min_width": 800, "min_height": 600, "width": 960},
            {
                "gsrsearch": "filetype:bitmap haslicense:attribution filemime:image/png filew:>799 fileh:>599 red fox",
                "iiurlwidth": "960",
            },
        ),
    ),
)
