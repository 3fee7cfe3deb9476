"""/api/v1/opt-outs: for staff alone."""

from __future__ import annotations

import pytest

from jobs.models import OptOut
from pixtasks.accounts.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_operator_adds_lists_and_removes_entries() -> None:
    staff = factories.user(is_staff=True)
    client = factories.client_of(staff)
    answer = client.post(
        "/api/v1/opt-outs", {"kind": "domain", "value": "*.Pictures.example", "reason": "ticket 17"}, format="json"
    )
    assert answer.status_code == 201
    entry = answer.json()
    assert (entry["value"], entry["added_by"], entry["removed_images"]) == ("pictures.example", staff.email, 0)
    assert (
        client.post("/api/v1/opt-outs", {"kind": "domain", "value": "pictures.example"}, format="json").status_code
        == 409
    )
    client.post("/api/v1/opt-outs", {"kind": "look_alike", "value": "f" * 16, "distance": 2}, format="json")
    assert client.get("/api/v1/opt-outs?kind=look_alike").json()["items"][0]["distance"] == 2
    assert client.get("/api/v1/opt-outs?search=pict").json()["total"] == 1
    assert client.get(f"/api/v1/opt-outs/{entry['id']}").json() == entry
    assert client.delete(f"/api/v1/opt-outs/{entry['id']}").status_code == 204
    assert client.get(f"/api/v1/opt-outs/{entry['id']}").status_code == 404
    assert OptOut.objects.count() == 1


def test_a_fault_names_its_field() -> None:
    client = factories.client_of(factories.user(is_staff=True))
    for body, field in (
        ({"kind": "domain", "value": "http://a.example/"}, "value"),
        ({"kind": "face", "value": "a"}, "kind"),
        ({"kind": "domain", "value": "a.example", "distance": 1}, "distance"),
    ):
        answer = client.post("/api/v1/opt-outs", body, format="json")
        assert answer.status_code == 422
        assert field in str(answer.json())


def test_users_see_nothing_of_the_list_and_viewers_change_nothing() -> None:
    user = factories.client_of(factories.user())
    viewer = factories.client_of(factories.user(is_staff=True, role=Role.VIEWER))
    body = {"kind": "domain", "value": "a.example"}
    assert user.get("/api/v1/opt-outs").status_code == 403
    assert user.post("/api/v1/opt-outs", body, format="json").status_code == 403
    assert viewer.get("/api/v1/opt-outs").status_code == 200
    assert viewer.post("/api/v1/opt-outs", body, format="json").status_code == 403
