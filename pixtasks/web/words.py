"""What the ledger knows, in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jobs.services.meanings import outcome_meaning
from pixtasks.common.net.outcomes import is_transient

_BROUGHT: Final = frozenset({"stored", "duplicate"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Candidates of one class that did not become an image.

    Attributes:
        word: the class, such as ``http_404``.
        text: what it means.
        later: whether another try may help.
    """

    word: str
    count: int
    text: str
    later: bool


def failures_in_words(outcomes: Mapping[str, int]) -> list[Failure]:
    """Return the failures among a job's outcomes, the most frequent first."""
    found = [
        Failure(word, count, outcome_in_words(word), is_transient(word))
        for word, count in outcomes.items()
        if word not in _BROUGHT and count
    ]
    return sorted(found, key=lambda each: (-each.count, each.word))


def outcome_in_words(word: str) -> str:
    """Return the sentence of an outcome; the word itself where nothing more is known."""
    return outcome_meaning(word) or word
