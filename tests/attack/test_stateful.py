"""Sequences of requests over the whole API: what one answers is what the next asks for.

The links between the operations (what is made is read, changed, listed and deleted) are inferred by Schemathesis from
the document's schemas.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as limits
from hypothesis.errors import FlakyStrategyDefinition
from pytest_django import Settings
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    use_after_free,
)

from tests import factories
from tests.accounts.factories import sign_in
from tests.document import many_requests, schema, times

STEPS = 12


@pytest.mark.parametrize("staff", [False, True], ids=["user", "staff"])
def test_no_sequence_of_requests_breaks_the_product(db: None, settings: Settings, staff: bool) -> None:
    """No 5xx, no status or body that is not documented, and nothing that is left after it was deleted."""
    user = factories.user(email="walker@example.com", is_staff=staff)
    token = sign_in(user)["access_token"]
    document = schema()
    answered: Counter[int] = Counter()
    linked: set[str] = set()

    class Walk(document.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {token}"}}

        def after_call(self, response: Any, case: Any) -> None:
            super().after_call(response, case)
            answered[response.status_code] += 1
            if response.status_code < 300 and case.path_parameters:
                linked.add(case.operation.label)

        def validate_response(self, response: Any, case: Any, additional_checks: Any = None, **transport: Any) -> None:
            case.validate_response(
                response,
                additional_checks=additional_checks,
                # An id that is there belongs to the wrong kind of thing as often as not: valid and refused.
                excluded_checks=[
                    ignored_auth,
                    positive_data_acceptance,
                    negative_data_rejection,
                    # DELETE revokes a key; who had it still sees that it was there.
                    *([use_after_free] if "/api-keys/" in case.operation.path else []),
                ],
                transport_kwargs=transport or None,
                recorder=self.recorder,
            )

    # What one walk made is there in the next, at which Hypothesis may give up: what was walked by then counts.
    with many_requests(settings), suppress(FlakyStrategyDefinition):
        Walk.run(
            settings=limits(
                max_examples=times(8),
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
        )
    assert answered[200] + answered[201] > STEPS // 2, f"most was refused: {answered}"
    assert linked, "what one request made, another has found"
