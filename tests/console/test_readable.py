"""Lists and rows of every table tell times in the reader's zone and show JSON that can be read."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from gather.models import ReceivedEvent
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit

pytestmark = pytest.mark.django_db
HOSTILE = "<script>window.hit=1</script>"


@pytest.fixture
def chief(client: Client) -> Client:
    user = User.objects.create_superuser("chief@example.com", "a long pass phrase 1")
    audit("thing.changed", actor=user, target=user, detail={"said": HOSTILE, "more": [1, 2]}, address="203.0.113.1")
    client.force_login(user)
    return client


def test_a_list_tells_how_long_ago_and_can_be_sorted_by_it(chief: Client) -> None:
    for path in ("/admin/accounts/user/", "/admin/django_celery_beat/clockedschedule/", "/admin/jobs/chunk/"):
        assert chief.get(path).status_code == 200
    page = chief.get("/admin/accounts/user/?o=-5").content.decode()
    assert "p.m." not in page
    assert chief.get("/admin/accounts/auditentry/?o=-1").status_code == 200


def test_a_row_tells_the_exact_time_and_how_long_ago_and_shows_json_in_lines(chief: Client) -> None:
    now = timezone.now()
    row = ReceivedEvent.objects.create(
        body_sha256="0" * 64, event="progress", data={"said": HOSTILE, "more": [1, 2]}, sent_at=now, received_at=now
    )
    page = chief.get(f"/admin/gather/receivedevent/{row.pk}/change/").content.decode()
    assert 'data-when="exact"' in page
    assert 'data-when="ago"' in page
    assert "&quot;more&quot;: [\n    1,\n    2\n  ]" in page
    assert HOSTILE not in page
