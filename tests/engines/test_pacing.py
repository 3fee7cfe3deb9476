"""When a source may be asked again, by its headers."""

from __future__ import annotations

import pytest

from jobs.engines.pacing import reset_wait, wait_of

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "60"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}, 60.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 25)}, 25.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) - 25)}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999"}, 86_400.0),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "60"}, None),
        ({"x-ratelimit-remaining": "0, 14999", "x-ratelimit-reset": "1, 419704"}, 1.0),
        ({"x-ratelimit-remaining": "0, 0", "x-ratelimit-reset": "1, 4197"}, 4197.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-available-burst": "0", "x-ratelimit-limit-burst": "20/min"}, 60.0),
        ({"x-ratelimit-available-day": "0", "x-ratelimit-limit-day": "200/day",
          "x-ratelimit-available-burst": "4", "x-ratelimit-limit-burst": "20/min"}, 86_400.0),
        ({"x-ratelimit-available-burst": "7", "x-ratelimit-limit-burst": "20/min"}, None),
    ],
)  # fmt: skip
def test_a_quota_that_is_used_up_makes_the_next_request_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(headers, now=NOW) == seconds


def test_after_a_refusal_retry_after_counts_before_the_reset() -> None:
    quota = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}
    assert reset_wait({**quota, "retry-after": "5"}, now=NOW) == 5.0
    assert reset_wait({**quota, "retry-after": "nonsense"}, now=NOW) == 60.0
    assert reset_wait({"retry-after": "0"}, now=NOW) == 0.0
    assert reset_wait({}, now=NOW) is None
