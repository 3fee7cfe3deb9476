"""Flickr, as recorded: a photo that nobody may have, one of an unknown licence, and licences of both versions."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

REST = "/services/rest/"
SEARCH = {"method": "flickr.photos.search"}

ADAPTER = Adapter(
    name="flickr",
    search=REST,
    turns=("method", "page"),
    asks=SEARCH | {
        "api_key": "flickr+key", "text": "red fox", "license": "4,5,9,10,11,12", "media": "photos", "content_type": "1",
        "safe_search": "1", "per_page": "100", "format": "json", "nojsoncallback": "1",
    },
    found=(("5001", "5002", "5003"), ("5001", "5005")),
    first=Candidate(
        external_id="5001",
        image_url="https://live.staticflickr.com/65535/5001_ab12_b.jpg",
        thumb_url="https://live.staticflickr.com/65535/5001_ab12.jpg",
        page_url="https://www.flickr.com/photos/12345678@N00/5001",
        title="Red fox 1",
        creator="Jane Doe",
        creator_url="https://www.flickr.com/people/12345678@N00/",
        license="BY",
        license_version="2.0",
        license_url="https://creativecommons.org/licenses/by/2.0/",
        attribution="“Red fox 1” by Jane Doe, CC BY 2.0",
        width=1024,
        height=683,
        tags=("fox", "vulpes", "snow"),
        raw={"license": "4"},
    ),
    duplicate="5001",
    unlicensed="5003",
    html_creator=("5002", "Fox & Co", "https://www.flickr.com/people/12345678@N00/"),
    needed=(
        *(("licenses.getInfo", field) for field in ("stat", "licenses", "licenses.license[4].id")),
        ("licenses.getInfo", "licenses.license[5].url"),
        *(
            ("page=1", field)
            for field in (
                "stat", "photos", "photos.pages", "photos.photo", "photos.photo[0].id", "photos.photo[0].owner",
                "photos.photo[1].title", "photos.photo[1].ownername", "photos.photo[2].license",
            )
        ),
    ),
    refusal="flickr failed (code 3: Parameterless searches have been disabled",
    settings={"PIXTASKS_FLICKR_API_KEY": "flickr+key"},
    secrets=("flickr+key", "flickr%2Bkey"),
    bad_options=({"license": ["by"]}, {"license": "BY"}, {"size": "huge"}, {"type": "video"}, {"safe_search": True}),
    good_options=(
        ({"license": ["NKC", "USGOV"], "sort": "newest"}, {"license": "7,8", "sort": "date-posted-desc"}),
        ({"license": ["BY-NC-SA", "ARR"], "safe_search": "off", "type": "other"},
         {"license": "0,1", "safe_search": "3", "content_type": "3"}),
    ),
)  # fmt: skip
