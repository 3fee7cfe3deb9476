"""iNaturalist: photographs of organisms, each observation identified by its community.

Source: https://api.inaturalist.org/v1/docs. Pages are walked from the newest observation down by id: that has no depth
limit, and new observations do not move what comes after.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.licenses import License, normalize

from .asking import Node, Param, page_number
from .base import Candidate, Page, Query, Web
from .remote import RemoteEngine, own_options

PAGE_SIZE = 200  # observations; what the source allows
CURSOR_LAST = 10**11
_SIZE = re.compile(r"/(?:square|small|medium|thumb)\.(?=[a-z]+(?:\?|$))", re.IGNORECASE)


class InaturalistOptions(BaseModel):
    """Filters of the source."""

    model_config = ConfigDict(extra="forbid")

    match: Literal["taxon", "text"] = Field(
        default="taxon", description="Whether the keyword is the name of a taxon, or words of the observation."
    )
    license: list[Literal["CC0", "BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND"]] = Field(
        default=["CC0", "BY"],
        max_length=7,
        description="Only photographs of these licences; an empty list takes all, also those with all rights reserved.",
    )
    quality_grade: Literal["research", "needs_id", "casual"] | None = Field(
        default="research", description="How sure the identification is; null takes all."
    )
    place: Annotated[int, Field(ge=1, le=10**9)] | None = Field(default=None, description="Number of a place.")
    size: Literal["medium", "large", "original"] = Field(
        default="large", description="At most 500 pixels, 1024, or 2048 as it was uploaded."
    )
    captive: bool = Field(default=True, description="Also what is kept or planted by people.")


class InaturalistEngine(RemoteEngine):
    """The observations of iNaturalist."""

    name = "inaturalist"
    description = "Photographs of organisms from iNaturalist, labelled with their taxon, each with its licence."
    api = "https://api.inaturalist.org"
    homepage = "https://www.inaturalist.org"
    terms = "https://www.inaturalist.org/pages/terms"
    opt_in = True
    page_size = PAGE_SIZE
    Options: type[BaseModel] = InaturalistOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return the photographs of one page of observations; the cursor is the last observation's id."""
        below = page_number(cursor, self.name, last=CURSOR_LAST) if cursor is not None else None
        options = own_options(query.options, InaturalistOptions)
        params: dict[str, Param] = {
            "taxon_name" if options.match == "taxon" else "q": query.keyword,
            "photos": True,
            "photo_license": ",".join(_spelled(code) for code in options.license),
            "quality_grade": options.quality_grade,
            "place_id": options.place,
            "captive": None if options.captive else False,
            "order_by": "id",
            "order": "desc",
            "per_page": PAGE_SIZE,
            "id_below": below,
        }
        answer = self.ask(web, "/v1/observations", params)
        seen = answer.data.children("results")
        found = tuple(candidate for each in seen for candidate in _candidates(each, options))
        # With id_below the total counts what is left, this page included.
        more = bool(seen) and answer.data.whole("total_results") > len(seen)
        return Page(found, str(seen[-1].whole("id")) if more else None, answer.wait)


def _spelled(code: str) -> str:
    """Return a code as the source writes it: "cc-by-sa", "cc0"."""
    return "cc0" if code == "CC0" else f"cc-{code.lower()}"


def _candidates(observation: Node, options: InaturalistOptions) -> list[Candidate]:
    taxon = observation.child("taxon", null=True)
    label, common = taxon.text("name", absent=True), taxon.text("preferred_common_name", absent=True)
    if taxon.value and not label:
        raise taxon.changed("name")
    user = observation.child("user")
    creator = user.text("name", absent=True) or user.text("login")
    found = []
    for photo in observation.children("photos"):
        said = photo.text("license_code", null=True)
        terms = normalize(said) if said else License("", "", "", "")
        # An observation may have photographs of several licences; the source's filter asks only for one that fits.
        if options.license and terms.code not in options.license:
            continue
        url = photo.text("url")
        original = photo.child("original_dimensions", null=True, absent=True)
        found.append(
            Candidate(
                external_id=photo.text("id"),
                image_url=_SIZE.sub(f"/{options.size}.", url),
                thumb_url=_SIZE.sub("/medium.", url),
                page_url=observation.text("uri", null=True),
                title=common or label,
                creator=creator,
                creator_url=f"https://www.inaturalist.org/people/{user.text('login')}",
                license=terms.code,
                license_version=terms.version,
                license_url=terms.url,
                attribution=photo.text("attribution", null=True),
                width=original.number("width", absent=True) if options.size == "original" else None,
                height=original.number("height", absent=True) if options.size == "original" else None,
                tags=tuple(dict.fromkeys(filter(None, (label, common)))),
                raw={
                    "observation": observation.whole("id"),
                    "taxon": label,
                    "taxon_id": taxon.number("id", absent=True),
                    "rank": taxon.text("rank", absent=True),
                    "quality_grade": observation.text("quality_grade", absent=True),
                },
            )
        )
    return found


ENGINE = InaturalistEngine()
