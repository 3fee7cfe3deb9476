"""No image file harms a worker, and what the validators say of it is true."""

from __future__ import annotations

import pytest

from jobs.validators import LEVELS, Subject, Thresholds, validators

from .bombs import bombs
from .campaign import MEMORY_MB, run
from .corpus import corpus
from .judge import FAULTS, LIMITS, fault_of

SHORT = 1_200
"""Files of the short form; ``make attack`` judges 20,000 and more."""


def test_no_mutated_file_crashes_hangs_or_fools_the_validators() -> None:
    outcome = run(SHORT, seed=2)
    assert outcome.files == SHORT + len(bombs())
    assert outcome.crashes == []
    assert outcome.hangs == []
    assert outcome.raised == []
    assert outcome.disagreements == []
    assert outcome.peak_mb < MEMORY_MB
    assert outcome.verdicts["whole"] > SHORT // 20, "a mutator that breaks everything shows nothing"
    assert outcome.verdicts["faulty"] > SHORT // 3


@pytest.mark.parametrize(("name", "data"), corpus(), ids=[name for name, _ in corpus()])
def test_every_seed_file_is_whole_for_both(name: str, data: bytes) -> None:
    assert fault_of(data) == ""
    for level in LEVELS:
        issues = validators[level].check(Subject.of_bytes(data), Thresholds()).issues
        assert not (FAULTS | LIMITS) & set(issues), level


@pytest.mark.parametrize(("name", "data"), bombs(), ids=[name for name, _ in bombs()])
def test_a_bomb_is_refused_at_the_level_that_decodes(name: str, data: bytes) -> None:
    verdict = validators["medium"].check(Subject.of_bytes(data), Thresholds())
    if "go on" in name:  # What follows the last row is never inflated: the picture in front of it is whole.
        assert verdict.measurements["width"] == 80
        return
    assert not verdict.is_valid
    assert (FAULTS | LIMITS | {"too_large"}) & set(verdict.issues)
