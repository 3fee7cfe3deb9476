"""``manage.py opt_out`` keeps the list."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from jobs.models import OptOut

pytestmark = pytest.mark.django_db


def run(*args: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("opt_out", *args, stdout=out, **options)
    return out.getvalue()


def test_an_entry_is_added_shown_and_removed() -> None:
    said = run("add", "Pictures.example", reason="ticket 17")
    entry = OptOut.objects.get()
    assert (entry.kind, entry.value, entry.reason) == ("domain", "pictures.example", "ticket 17")
    assert "not fetched any more" in said
    assert "pictures.example" in run("list")
    assert json.loads(run("list", json=True))[0]["id"] == entry.pk
    assert "empty" in run("list", "nothing like it")
    with pytest.raises(CommandError, match="already"):
        run("add", "pictures.example")
    assert "may be fetched again" in run("remove", "PICTURES.example")
    assert not OptOut.objects.exists()
    with pytest.raises(CommandError, match="not on the list"):
        run("remove", "pictures.example")


def test_an_entry_is_removed_by_its_id_and_a_list_is_imported(tmp_path: Path) -> None:
    lines = tmp_path / "list.txt"
    lines.write_text("# a list\npictures.example\nhttps://other.example/a.jpg its owner asked\nsha256 abc\n")
    with pytest.raises(SystemExit):
        run("import", str(lines))
    assert set(OptOut.objects.values_list("kind", flat=True)) == {"domain", "url"}
    lines.write_text("pictures.example\n")
    assert json.loads(run("import", str(lines), json=True)) == {"added": 0, "known": 1, "faults": []}
    run("remove", str(OptOut.objects.get(kind="url").pk))
    assert OptOut.objects.get().kind == "domain"


@pytest.mark.parametrize(
    ("args", "match"),
    [(("add",), "needs a value"), (("import", "/no/such/file"), "cannot be read"), (("add", "not a domain/"), "value")],
)
def test_what_cannot_be_done_is_said_in_a_sentence(args: tuple[str, ...], match: str) -> None:
    with pytest.raises(CommandError, match=match):
        run(*args)
