"""Two changes at once cannot close a cycle that neither of them closes alone (CONTRACT R35)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.api_registry.conftest import TASKS
from tests.api_registry.test_claim_race import together


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_that_would_close_a_ring_one_is_refused(make_task: Any) -> None:
    """The ring a → b → c → d → a; the changes a → b and c → d touch different tasks."""
    for _ in range(5):
        a, b, c, d = (make_task()["id"] for _ in range(4))
        for task, other in ((b, c), (d, a)):
            change = {"depends_on": [other]}
            assert Client().put(f"{TASKS}/{task}", change, content_type="application/json").status_code == 200
        ways, statuses = [(a, b), (c, d)], []

        def work(number: int, ways: Any = ways, statuses: Any = statuses) -> None:
            task, other = ways[number]
            body = {"depends_on": [other]}
            statuses.append(Client().put(f"{TASKS}/{task}", body, content_type="application/json").status_code)

        together(2, work)
        assert sorted(statuses) == [200, 422]
