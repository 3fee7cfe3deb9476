"""Licence by use: every known licence under every policy, against a table that people wrote out."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from jobs.licenses import TERMS, LicensePolicy, Reason, judge

TABLE = Path(__file__).with_name("decisions.txt")
ANSWERS = {
    ".": "",
    "C": "no_commercial_use",
    "D": "no_derivatives",
    "S": "share_alike",
    "U": "unknown_license",
}


def policy(word: str) -> LicensePolicy:
    """Return the policy that a column of the table is headed with."""
    return LicensePolicy(
        require_commercial_use=word[0] == "c",
        require_derivatives=word[1] == "d",
        allow_share_alike=word[2] != "s",
        allow_unknown_license=word[3] != "u",
    )


def cells() -> list[tuple[str, str, str]]:
    """Return (licence, use, answer) of every cell."""
    head, *rows = [line.split() for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    found = []
    for name, *answers in rows:
        code = {"(none)": "", "Museum_terms": "Museum terms"}.get(name, name)
        found += [(code, use, answer) for use, answer in zip(head[1:], answers, strict=True)]
    return found


def test_the_table_holds_every_licence_under_every_policy() -> None:
    uses = {"".join(letters) for letters in product("-c", "-d", "-s", "-u")}
    codes = {*TERMS, "", "Museum terms"}
    assert len(uses) == 16
    assert {(code, use) for code, use, _ in cells()} == set(product(codes, uses))
    assert len(cells()) == len(codes) * 16


@pytest.mark.parametrize("code", [*TERMS, "", "Museum terms"])
def test_a_licence_is_judged_as_the_table_says(code: str) -> None:
    wrong = {
        use: (found, ANSWERS[answer])
        for name, use, answer in cells()
        if name == code and (found := judge(code, policy(use))) != ANSWERS[answer]
    }
    assert wrong == {}


def test_without_a_policy_everything_passes_as_it_did_before_there_were_any() -> None:
    assert {judge(code, LicensePolicy()) for code in (*TERMS, "", "Museum terms")} == {""}


def test_a_reason_is_a_plain_word_that_fits_its_column() -> None:
    assert set(ANSWERS.values()) == {"", *Reason}
    assert all(len(reason) <= 30 for reason in Reason)
    assert type(judge("BY-NC", LicensePolicy(require_commercial_use=True))) is str


def test_the_eight_creative_commons_licences_permit_what_their_deeds_say() -> None:
    said = {
        code: (terms.commercial, terms.derivatives, terms.share_alike, terms.attribution)
        for code, terms in TERMS.items()
        if code in ("CC0", "PDM") or code.startswith("BY")
    }
    assert said == {
        "CC0": (True, True, False, False),
        "PDM": (True, True, False, False),
        "BY": (True, True, False, True),
        "BY-SA": (True, True, True, True),
        "BY-ND": (True, False, False, True),
        "BY-NC": (False, True, False, True),
        "BY-NC-SA": (False, True, True, True),
        "BY-NC-ND": (False, False, False, True),
    }
