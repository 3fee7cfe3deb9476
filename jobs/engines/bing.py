"""Bing's image search, through ddgs; its API was switched off in 2025 (CONTRACT X61)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .metasearch import MetasearchEngine


class BingOptions(BaseModel):
    """The one filter that the library passes on to Bing."""

    model_config = ConfigDict(extra="forbid")

    timelimit: Literal["day", "week", "month", "year"] | None = Field(
        default=None, description="Only images that Bing found within this time."
    )


ENGINE = MetasearchEngine(
    "bing",
    description="Bing's image search through the library ddgs: no key, no licences, and it may refuse at any time.",
    homepage="https://www.bing.com/images",
    terms="https://www.microsoft.com/servicesagreement",
    options=BingOptions,
    page_size=35,
)
