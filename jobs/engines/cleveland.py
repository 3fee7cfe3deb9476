"""The Cleveland Museum of Art: its open access collection.

Source: https://openaccess-api.clevelandart.org. The "full" rendering is a TIFF of many megabytes and is not offered.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jobs.licenses import normalize

from .asking import Node, Param, page_number
from .base import Candidate, Page, Query, Web
from .markup import strip_html
from .remote import RemoteEngine, own_options

PAGE_SIZE = 100  # works
CURSOR_LAST = 1_000_000

Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class ClevelandOptions(BaseModel):
    """Filters of the source; what is left out does not filter."""

    model_config = ConfigDict(extra="forbid")

    cc0: bool = Field(default=True, description="Only works that the museum gives away under CC0.")
    type: Word | None = Field(default=None, description='Such as "Painting" or "Sculpture".')
    department: Word | None = Field(default=None, description='Such as "Chinese Art".')
    size: Literal["web", "print"] = Field(
        default="print", description="At most about 900 pixels (web), or 3400 (print)."
    )


class ClevelandEngine(RemoteEngine):
    """The collection of the Cleveland Museum of Art."""

    name = "cleveland"
    description = "Works of the Cleveland Museum of Art, those of its open access under CC0."
    api = "https://openaccess-api.clevelandart.org"
    homepage = "https://www.clevelandart.org/art/collection"
    terms = "https://www.clevelandart.org/open-access"
    opt_in = True
    page_size = PAGE_SIZE
    Options: type[BaseModel] = ClevelandOptions

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page of works; the cursor is how many came before."""
        start = page_number(cursor, self.name, first=0, last=CURSOR_LAST)
        options = own_options(query.options, ClevelandOptions)
        params: dict[str, Param] = {
            "q": query.keyword,
            "has_image": 1,
            "cc0": 1 if options.cc0 else None,
            "type": options.type,
            "department": options.department,
            "limit": PAGE_SIZE,
            "skip": start,
        }
        answer = self.ask(web, "/api/artworks/", params)
        works = answer.data.children("data")
        found = (_candidate(work, options.size) for work in works)
        end = start + len(works)
        more = bool(works) and end < answer.data.child("info").whole("total")
        return Page(tuple(each for each in found if each), str(end) if more else None, answer.wait)


def _candidate(work: Node, size: str) -> Candidate | None:
    """Return the image of a work; None where it has neither rendering."""
    images = work.child("images", null=True)
    shown = next((images.child(each) for each in (size, "print", "web") if images.has(each)), None)
    if shown is None:
        if images.value and not images.has("full"):
            raise images.changed(size)
        return None
    url = shown.text("url")
    small = images.child("web", null=True, absent=True)
    creators = work.children("creators", null=True)
    creator = "; ".join(filter(None, (strip_html(each.text("description", null=True)) for each in creators)))
    title = strip_html(work.text("title", null=True))
    status = work.text("share_license_status", null=True)
    # "Copyrighted" is not the name of a licence.
    terms = normalize("CC0" if status.upper() == "CC0" else "")
    return Candidate(
        external_id=work.text("id"),
        image_url=url,
        thumb_url=small.text("url", absent=True),
        page_url=work.text("url", null=True),
        title=title,
        creator=creator,
        license=terms.code,
        license_version=terms.version,
        license_url=terms.url,
        attribution=", ".join(part for part in (title, creator, "The Cleveland Museum of Art", terms.code) if part),
        width=shown.number("width", absent=True),
        height=shown.number("height", absent=True),
        filetype=PurePosixPath(urlsplit(url).path).suffix.lstrip(".").lower(),
        tags=tuple(filter(None, (work.text("type", absent=True), work.text("department", absent=True)))),
        raw={
            "accession_number": work.text("accession_number", absent=True),
            "share_license_status": status,
            "date": work.text("creation_date", absent=True),
        },
    )


ENGINE = ClevelandEngine()
