"""The opt-out list in the console."""

from __future__ import annotations

import pytest
from django.test import Client

from jobs.models import OptOut
from jobs.services.opt_outs import REMOVE, add_opt_out, mark_files
from pixtasks.accounts.models import AuditEntry
from pixtasks.accounts.roles import Role
from tasktypes.models import Task
from tests import factories

pytestmark = pytest.mark.django_db

LIST = "/admin/jobs/optout/"
ADD = f"{LIST}put-on/"


def client_of(role: Role) -> Client:
    client = Client()
    client.force_login(factories.user(is_staff=True, role=role))
    return client


def test_an_operator_adds_an_entry_and_takes_it_off() -> None:
    client = client_of(Role.OPERATOR)
    assert "Add…" in client.get(LIST).content.decode()
    assert "perceptual hash" in client.get(ADD).content.decode()
    refused = client.post(ADD, {"_form_submitted": "True", "kind": "domain", "value": "http://a.example/"})
    assert "HX-Redirect" not in refused.headers and not OptOut.objects.exists()
    assert "a domain is a name such as example.com" in refused.content.decode()
    far = {"_form_submitted": "True", "kind": "domain", "value": "a.example", "distance": "3"}
    assert "is for look-alikes alone" in client.post(ADD, far).content.decode() and not OptOut.objects.exists()
    data = {"_form_submitted": "True", "kind": "domain", "value": "a.example", "reason": "ticket 17"}
    assert client.post(ADD, data).headers["HX-Redirect"] == LIST
    entry = OptOut.objects.get()
    assert (entry.value, entry.reason, entry.added_by is not None) == ("a.example", "ticket 17", True)
    assert Task.objects.filter(type_name=REMOVE).count() == 1
    mark_files(entry, ["ab" * 32])
    shown = client.get(LIST).content.decode()
    assert "a.example" in shown and "ab" * 32 not in shown
    assert "Take off the list…" in client.get(f"{LIST}{entry.pk}/change/").content.decode()
    off = f"{LIST}{entry.pk}/take-off/"
    client.get(off)
    assert OptOut.objects.filter(pk=entry.pk).exists(), "nothing changes by a click alone"
    assert client.post(off, {"_form_submitted": "True"}).headers["HX-Redirect"] == LIST
    assert not OptOut.objects.exists()
    assert set(AuditEntry.objects.filter(action__startswith="opt_out").values_list("action", flat=True)) == {
        "opt_out.added",
        "opt_out.removed",
    }


def test_a_page_shows_the_whole_value_and_the_distance_of_look_alikes_alone() -> None:
    client = client_of(Role.VIEWER)
    address = f"https://a.example/{'long/' * 60}end.jpg"
    by_address = add_opt_out(kind="url", value=address)
    alike = add_opt_out(kind="look_alike", value="0123456789abcdef", distance=7)
    shown = client.get(f"{LIST}{by_address.pk}/change/").content.decode()
    assert f">{address}<" in shown and "Distance" not in shown
    assert f">{address}<" not in client.get(LIST).content.decode()
    assert "Distance" in client.get(f"{LIST}{alike.pk}/change/").content.decode()


def test_a_viewer_reads_the_list_and_changes_nothing() -> None:
    entry = add_opt_out(kind="domain", value="a.example")
    client = client_of(Role.VIEWER)
    assert "a.example" in client.get(LIST).content.decode()
    data = {"_form_submitted": "True", "kind": "domain", "value": "b.example"}
    assert client.post(ADD, data).status_code == 403
    assert client.post(f"{LIST}{entry.pk}/take-off/", {"_form_submitted": "True"}).status_code == 403
    assert OptOut.objects.get() == entry
