"""Keyword templates: what engines are asked instead of the plain keyword."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from jobs.models import CrawlJob
from jobs.models.job import PLAIN_TEMPLATE, fill_template, plain_templates
from pixtasks.common.errors import FieldError, InvalidInput
from pixtasks.common.screen import counted

MOST_TEMPLATES: Final = 10
MOST_CHUNKS: Final = 2500
"""What 50 keywords at 50 engines make; templates multiply within that."""
LENGTHS: Final = range(2, 101)
"""Characters that an engine may be asked for, as of a keyword (CONTRACT J46)."""
_LOC: Final = "keyword_templates"


def checked_templates(templates: Sequence[str], *, keywords: Sequence[str], engines: Sequence[str]) -> list[str]:
    """Return the templates of a job as they are to be stored: blanks and duplicates dropped, without regard to case.

    Raises:
        InvalidInput: there are none or too many, one lacks its keyword or names something else in braces, what it asks
            for is too short or too long, or the job gets too many chunks.
    """
    unique: dict[str, str] = {}
    for text in templates:
        line = " ".join(text.split())
        unique.setdefault(line.casefold(), line)
    found = list(unique.values())
    if found == plain_templates():
        return found
    if not 1 <= len(found) <= MOST_TEMPLATES:
        raise InvalidInput(FieldError(("body", _LOC), f"give 1 to {MOST_TEMPLATES} templates"))
    faults = [
        FieldError(("body", _LOC, index), fault)
        for index, template in enumerate(found)
        if (fault := _fault(template, keywords))
    ]
    if faults:
        raise InvalidInput(faults)
    chunks = len(keywords) * len(found) * len(engines)
    if chunks > MOST_CHUNKS:
        message = (
            f"{len(keywords)} keywords × {len(found)} templates × {len(engines)} engines are {chunks:,} chunks; "
            f"{MOST_CHUNKS:,} are possible"
        )
        raise InvalidInput(FieldError(("body", _LOC), message))
    return found


def _fault(template: str, keywords: Sequence[str]) -> str:
    if PLAIN_TEMPLATE not in template:
        return f'must contain {PLAIN_TEMPLATE}, such as "{PLAIN_TEMPLATE} photo"'
    if re.search(r"[{}]", template.replace(PLAIN_TEMPLATE, "")):
        return f"only {PLAIN_TEMPLATE} may stand in braces"
    for keyword in keywords:
        asked = fill_template(template, keyword)
        if len(asked) not in LENGTHS:
            return (
                f'asks for "{asked[:40]}…" of {len(asked)} characters; '
                f"{LENGTHS.start} to {LENGTHS.stop - 1} are possible"
            )
    return ""


def size_of(job: CrawlJob) -> str:
    """Return what a job is made of: "3 keywords × 2 templates × 2 engines"; the plain template goes without saying."""
    templates = f" × {counted(len(job.keyword_templates), 'template')}" if job.is_templated else ""
    return f"{counted(len(job.keywords), 'keyword')}{templates} × {counted(len(job.engines), 'engine')}"
