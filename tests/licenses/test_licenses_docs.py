"""The table in the docs is the table of the product."""

from __future__ import annotations

import re
from pathlib import Path

from jobs.licenses import TERMS, Reason
from jobs.models.project import POLICY_FIELDS

TEXT = (Path(__file__).parents[2] / "docs" / "licenses.md").read_text()


def test_the_docs_say_of_every_licence_what_the_table_says() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (yes|no) \| (yes|no) \| (yes|no) \| (yes|no) \|$", TEXT, re.MULTILINE)
    said = {code: (name, *(word == "yes" for word in words)) for code, name, *words in rows}
    assert said == {
        code: (terms.name, terms.commercial, terms.derivatives, terms.share_alike, terms.attribution)
        for code, terms in TERMS.items()
    }


def test_the_docs_name_every_question_and_every_reason() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:true|false) \| .*`(\w+)` \|$", TEXT, re.MULTILINE)
    assert {field for field, _ in rows} == set(POLICY_FIELDS)
    assert {reason for _, reason in rows} == set(Reason)
