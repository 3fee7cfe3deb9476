"""The Metropolitan Museum of Art, as recorded: most works of the search are gone, one is under copyright."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/public/collection/v1/search"
WORK = "/public/collection/v1/objects/{}"
IMAGE = "https://images.metmuseum.org/CRDImages/ep"

ADAPTER = Adapter(
    name="met",
    search=SEARCH,
    turns=(),
    asks={"q": "red fox", "hasImages": "true"},
    found=(("436532", "436534"), ("436532", "436535")),
    first=Candidate(
        external_id="436532",
        image_url=f"{IMAGE}/original/DT436532.jpg",
        thumb_url=f"{IMAGE}/web-large/DT436532.jpg",
        page_url="https://www.metmuseum.org/art/collection/search/436532",
        title="The Fox Hunt",
        creator="Vincent van Gogh",
        creator_url="https://www.wikidata.org/wiki/Q5582",
        license="CC0",
        license_version="1.0",
        license_url="https://creativecommons.org/publicdomain/zero/1.0/",
        attribution="The Fox Hunt, Vincent van Gogh, The Metropolitan Museum of Art, CC0",
        tags=("Foxes",),
        raw={
            "department": "European Paintings",
            "object": "Painting",
            "date": "1887",
            "credit": "Bequest, 1967",
        },
    ),
    duplicate="436532",
    unlicensed="",
    html_creator=None,
    needed=(
        ("", "objectIDs"),
        ("", "total"),
        *(
            ("objects/436532", field)
            for field in ("isPublicDomain", "objectID", "primaryImage", "title", "artistDisplayName", "objectURL")
        ),
    ),
    refusal="A q query parameter is required",
    bad_options=({"department": 0}, {"department": "Egypt"}, {"medium": ""}, {"license": ["BY"]}),
    good_options=(
        (
            {"department": 11, "medium": "Paintings", "highlight": True, "additional_images": True},
            {"departmentId": "11", "medium": "Paintings", "isHighlight": "true"},
        ),
    ),
)
