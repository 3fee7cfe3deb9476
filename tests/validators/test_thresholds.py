"""Thresholds come from settings, wrong ones are named, and settings decide which issues only warn."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from jobs.validators import DEFAULT_WARNINGS, LEVELS, Issue, Subject, Thresholds, Verdict, validators
from jobs.validators import base as validators_base
from tests.images import broken_images


def test_the_products_settings_give_the_defaults(settings: Settings) -> None:
    assert Thresholds.from_settings() == Thresholds()
    assert frozenset(settings.PIXTASKS_VALIDATION_WARNINGS) == DEFAULT_WARNINGS


def test_single_thresholds_are_overridden_by_text_or_number(settings: Settings) -> None:
    settings.PIXTASKS_VALIDATION_THRESHOLDS = {"min_width": "200", "max_aspect": 2.5, "max_bytes": "1_000"}
    settings.PIXTASKS_MAX_IMAGE_PIXELS = 1234
    assert Thresholds.from_settings() == Thresholds(min_width=200, max_aspect=2.5, max_bytes=1000, max_pixels=1234)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_widht", "3"),
        ("max_pixels", "3"),
        ("warnings", "blank"),
        ("min_width", "3.5"),
        ("min_width", "-1"),
        ("min_width", True),
        ("max_aspect", "nan"),
        ("max_aspect", "inf"),
        ("min_entropy", "much"),
    ],
)
def test_a_wrong_threshold_is_named(settings: Settings, name: str, value: object) -> None:
    settings.PIXTASKS_VALIDATION_THRESHOLDS = {name: value}
    with pytest.raises(ImproperlyConfigured, match=f"PIXTASKS_VALIDATION_THRESHOLDS.*{name}"):
        Thresholds.from_settings()


def test_an_unknown_warning_is_named(settings: Settings) -> None:
    settings.PIXTASKS_VALIDATION_WARNINGS = ["blank", "blury"]
    with pytest.raises(ImproperlyConfigured, match="PIXTASKS_VALIDATION_WARNINGS: 'blury'"):
        Thresholds.from_settings()


def test_settings_decide_which_issues_only_warn(settings: Settings) -> None:
    files = broken_images(1)

    def valid(name: str) -> bool:
        return validators["slow"].check(Subject.of_bytes(files[name]), Thresholds.from_settings()).is_valid

    assert valid("blurry.jpg")
    assert not valid("blank.jpg")
    settings.PIXTASKS_VALIDATION_WARNINGS = ["blank"]
    assert not valid("blurry.jpg")
    assert valid("blank.jpg")
    settings.PIXTASKS_VALIDATION_WARNINGS = []
    assert not valid("animated.gif")


def test_a_threshold_changes_what_is_found() -> None:
    subject = Subject.of_bytes(broken_images(1)["panorama.jpg"])  # 900 × 160
    for limit, found in ((5.7, []), (5.6, [Issue.ODD_ASPECT])):
        assert validators["slow"].check(subject, Thresholds(max_aspect=limit)).issues == found
    assert validators["fast"].check(subject, Thresholds(min_height=161)).issues == [Issue.TOO_SMALL]


def test_every_issue_is_a_word_with_a_sentence() -> None:
    for issue in Issue:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", issue.value)
        assert str(issue) == issue.value == issue.name.lower()
        assert re.fullmatch(r"[A-Z][^\n]+\.", issue.description)
    assert len({issue.description for issue in Issue}) == len(Issue)
    assert {issue.value for issue in Issue} > DEFAULT_WARNINGS


def test_the_registry_holds_the_levels_and_takes_those_of_other_packages() -> None:
    assert set(LEVELS) == {"fast", "medium", "slow"} <= set(validators.names())
    for level in LEVELS:
        assert validators[level].name == validators[level].level == level

    class Everything:
        name = level = "everything"
        description = "Finds fault with everything."

        def check(self, subject: Subject, thresholds: Thresholds) -> Verdict:
            return Verdict(False, [Issue.BLANK], {"bytes": subject.size})

    with validators.temporarily(Everything()):
        assert validators["everything"].check(Subject.of_bytes(b"x"), Thresholds()).issues == ["blank"]
    assert "everything" not in validators
    validators_base.load_entry_points()
    assert set(LEVELS) <= set(validators.names())
