"""DuckDuckGo's image search, through ddgs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .metasearch import MetasearchEngine


class DuckduckgoOptions(BaseModel):
    """Filters of the search, named and spelled as the library has them."""

    model_config = ConfigDict(extra="forbid")

    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}-[a-z]{2,4}$")] = Field(
        default="wt-wt", description="Country and language: us-en, de-de …; wt-wt is everywhere."
    )
    safesearch: Literal["on", "moderate", "off"] = Field(
        default="on", description="DuckDuckGo treats on and moderate alike."
    )
    timelimit: Literal["d", "w", "m", "y"] | None = Field(
        default=None, description="Only images of the last day, week, month or year."
    )
    size: Literal["Small", "Medium", "Large", "Wallpaper"] | None = None
    color: (
        Literal[
            "color", "Monochrome", "Red", "Orange", "Yellow", "Green", "Blue", "Purple", "Pink", "Brown", "Black",
            "Gray", "Teal", "White",
        ]
        | None
    ) = None  # fmt: skip
    type_image: Literal["photo", "clipart", "gif", "transparent", "line"] | None = None
    layout: Literal["Square", "Tall", "Wide"] | None = None
    license_image: Literal["any", "Public", "Share", "ShareCommercially", "Modify", "ModifyCommercially"] | None = (
        Field(default=None, description="Only images whose page claims such a licence; which one it is, is not told.")
    )


ENGINE = MetasearchEngine(
    "duckduckgo",
    description="DuckDuckGo's image search through the library ddgs: no key, no licences, and it often refuses.",
    homepage="https://duckduckgo.com/",
    terms="https://duckduckgo.com/terms",
    options=DuckduckgoOptions,
    page_size=100,
)
