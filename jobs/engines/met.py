"""The Metropolitan Museum of Art: works in the public domain, given away under CC0.

Source: https://metmuseum.github.io. A search answers with the ids of all works; each work is a request of its own.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jobs.licenses import normalize

from .asking import Node, Param, Refused, page_number
from .base import Candidate, Page, Query, Web
from .remote import RemoteEngine, own_options

PAGE_SIZE = 20  # works, and so requests, of one page
CURSOR_LAST = 1_000_000


class MetOptions(BaseModel):
    """Filters of the source; what is left out does not filter."""

    model_config = ConfigDict(extra="forbid")

    department: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Number of a department, such as 11 (European Paintings)."
    )
    medium: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description='Such as "Paintings" or "Ceramics".'
    )
    highlight: bool = Field(default=False, description="Only what the museum shows as its highlights.")
    additional_images: bool = Field(default=False, description="Also the further views of a work.")


class MetEngine(RemoteEngine):
    """The collection of the Metropolitan Museum of Art."""

    name = "met"
    description = "Works in the public domain of the Metropolitan Museum of Art, CC0."
    api = "https://collectionapi.metmuseum.org"
    homepage = "https://www.metmuseum.org/art/collection"
    terms = "https://www.metmuseum.org/information/terms-and-conditions"
    opt_in = True
    page_size = PAGE_SIZE
    Options: type[BaseModel] = MetOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return the images of the next works; the cursor is how many works came before."""
        start = page_number(cursor, self.name, first=0, last=CURSOR_LAST)
        options = own_options(query.options, MetOptions)
        params: dict[str, Param] = {
            "hasImages": True,
            "departmentId": options.department,
            "medium": options.medium,
            "isHighlight": options.highlight or None,
            "q": query.keyword,
        }
        answer = self.ask(web, "/public/collection/v1/search", params)
        answer.data.whole("total")
        ids = answer.data.children("objectIDs", null=True)  # null where nothing is found
        found: list[Candidate] = []
        waits = [answer.wait]
        for each in ids[start : start + PAGE_SIZE]:
            if not isinstance(each.value, int):
                raise each.changed("", "is not a number")
            try:
                work = self.ask(web, f"/public/collection/v1/objects/{each.value}")
            except Refused as error:
                if error.answered != 404:  # the search knows works that are gone
                    raise
                continue
            waits.append(work.wait)
            found += _candidates(work.data, options)
        end = start + PAGE_SIZE
        wait = max((seconds for seconds in waits if seconds is not None), default=None)
        return Page(tuple(found), str(end) if end < len(ids) else None, wait)


def _candidates(work: Node, options: MetOptions) -> list[Candidate]:
    """Return the images of a work; none where it is under copyright."""
    if not work.flag("isPublicDomain"):
        return []
    number, title = work.text("objectID"), work.text("title", null=True)
    creator = work.text("artistDisplayName", null=True)
    images = [(number, work.text("primaryImage", null=True), work.text("primaryImageSmall", absent=True))]
    if options.additional_images:
        more = work.words("additionalImages", null=True)
        images += [(f"{number}-{place}", url, "") for place, url in enumerate(more, 1)]
    terms = normalize("CC0")
    return [
        Candidate(
            external_id=external_id,
            image_url=url,
            thumb_url=small,
            page_url=work.text("objectURL", null=True),
            title=title,
            creator=creator,
            creator_url=work.text("artistWikidata_URL", absent=True),
            license=terms.code,
            license_version=terms.version,
            license_url=terms.url,
            attribution=", ".join(part for part in (title, creator, "The Metropolitan Museum of Art, CC0") if part),
            tags=tuple(dict.fromkeys(tag.text("term") for tag in work.children("tags", null=True, absent=True))),
            raw={
                "department": work.text("department", absent=True),
                "object": work.text("objectName", absent=True),
                "date": work.text("objectDate", absent=True),
                "credit": work.text("creditLine", absent=True),
            },
        )
        for external_id, url, small in images
        if url
    ]


ENGINE = MetEngine()
