"""No name of a file, folder or image leads out of where it may lead."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from jobs.engines import EngineError, Query, resolve
from jobs.fetch.images import FetchLimits, ImageFetcher
from jobs.fetch.storage import ImageStorage
from jobs.fetch.web import WebClient
from pixtasks.accounts.models import User
from pixtasks.common.errors import InvalidInput, RuleViolation
from pixtasks.common.net.guard import AddressPolicy
from tasktypes.models import Task, TaskType
from tests import factories
from tests.fetch.site import collect

SECRET = b"https://203.0.113.1/secret.jpg\n"


@pytest.fixture
def open_folder(settings: Settings, tmp_path: Path) -> Path:
    """A folder that jobs may read, and beside it one that they may not, with a secret in it."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    root, beside = tmp_path / "open", tmp_path / "open-not"
    for folder in (root, beside, root / "in"):
        folder.mkdir()
    (beside / "secret.jpg").write_bytes(factories.picture().data)
    (beside / "list.txt").write_bytes(SECRET)
    (root / "in" / "a.jpg").write_bytes(factories.picture().data)
    settings.PIXTASKS_DIRECTORY_ROOTS = [str(root)]
    return root


def ways_out(root: Path, name: str) -> list[str]:
    """Return spellings of a path beside the root."""
    target = root.parent / "open-not" / name
    (root / f"link-{name}").symlink_to(target)
    (root / "folder-link").symlink_to(target.parent)
    (root / "loop").symlink_to(root / "loop")
    return [
        *(str(target), f"../open-not/{name}", f"in/../../open-not/{name}", f"./../open-not//{name}"),
        *(f"{root}/../open-not/{name}", f"{root}-not/{name}", f"link-{name}", f"{root}/link-{name}"),
        *(f"folder-link/{name}", f"{root}/folder-link/{name}", f"in/../folder-link/{name}", f"loop/{name}", "loop"),
        *("/etc/passwd", "/etc/passwd\0.jpg", "/proc/self/environ", "/proc/self/cwd/manage.py", "/dev/fd/0"),
        *("~/.ssh/id_rsa", "~root/.bashrc", "..", "../", "/", f"%2e%2e/open-not/{name}", f"..\\open-not\\{name}"),
        *(f"file://{target}", "\0", "x" * 5_000, "a/" * 3_000, "\udcff"),
    ]


def test_no_spelling_of_a_folder_leads_out_of_the_open_one(open_folder: Path) -> None:
    engine = resolve("directory")
    for path in ways_out(open_folder, "."):
        with pytest.raises((InvalidInput, RuleViolation, EngineError, ValueError)):
            _search("directory", {"path": path})
        with pytest.raises((InvalidInput, RuleViolation, ValueError)):
            engine.check(engine.Options.model_validate({"path": path}))  # type: ignore[attr-defined]


def test_no_link_below_the_open_folder_is_a_candidate(open_folder: Path) -> None:
    ways_out(open_folder, "secret.jpg")
    os.link(open_folder / "in" / "a.jpg", open_folder / "hard.jpg")
    os.mkfifo(open_folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(open_folder / "socket.jpg"))
        (open_folder / "device.jpg").symlink_to("/dev/zero")
        found = _search("directory", {"path": str(open_folder)})
    assert sorted(path.name for path in found) == ["a.jpg", "hard.jpg"]


def test_a_file_that_becomes_a_link_after_it_was_listed_is_not_read(open_folder: Path, tmp_path: Path) -> None:
    (path,) = _search("directory", {"path": str(open_folder)})
    path.unlink()
    path.symlink_to(open_folder.parent / "open-not" / "secret.jpg")
    with ImageFetcher[str](ImageStorage(location=tmp_path / "images"), FetchLimits(), AddressPolicy()) as fetcher:
        fetcher.submit_file("it", path)
        assert collect(fetcher)["it"].outcome == "file_forbidden"


def test_no_spelling_of_a_list_leads_out_of_the_open_folder(open_folder: Path) -> None:
    engine = resolve("urls")
    for path in ways_out(open_folder, "list.txt"):
        with pytest.raises((InvalidInput, RuleViolation, ValueError)) as caught:
            engine.check(engine.Options.model_validate({"file": path}))  # type: ignore[attr-defined]
        assert "secret.jpg" not in str(caught.value)


def _search(name: str, options: dict[str, object]) -> list[Path]:
    engine = resolve(name)
    query = Query(keyword="cat", engine=name, limit=10, options=engine.Options.model_validate(options))
    with WebClient(AddressPolicy(), FetchLimits()) as web:
        page = engine.search(query, None, web)
    return [candidate.path for candidate in page.candidates if candidate.path is not None]


@pytest.mark.django_db
def test_a_job_over_http_is_refused_every_way_out_alike(open_folder: Path) -> None:
    """Whether the file is there must not show: what is outside and missing is answered as what is outside and there."""
    owner = factories.user()
    client = factories.client_of(owner)
    project = factories.project(owner)
    said = set()
    for path in (str(open_folder.parent / "open-not"), str(open_folder.parent / "nowhere"), "/etc", "/no/such"):
        body = {"name": "x", "keywords": ["cat"], "engines": ["directory"], "options": {"directory": {"path": path}}}
        response = client.post(f"/api/v1/projects/{project.pk}/jobs", body, format="json")
        assert response.status_code == 422
        said.add(response.content)
    assert len(said) == 1


IDS = (
    "../1 ..%2f1 %2e%2e/1 1/../1 -1 +1 1.0 1e3 0x1 01 １ ٣ 1%00 %00 1;2 1%0a 1%20 %201 1' 1%27%20OR%201=1 * "
    "../../etc/passwd 99999999999999999999 9223372036854775808 0 null NaN undefined {image_id} %7B7*7%7D 1%ff %c0%ae"
)


@pytest.mark.django_db
@pytest.mark.parametrize("suffix", ["", "/file", "/thumbnail"])
def test_no_id_of_an_image_is_more_than_a_404(open_folder: Path, suffix: str) -> None:
    owner = factories.user()
    image = factories.image(factories.started_job(owner=owner))
    client = factories.client_of(owner)
    assert client.get(f"/api/v1/images/{image.pk}{suffix}").status_code == 200
    for number in IDS.split():
        if number in {"01", "１", "٣"}:
            continue  # Numbers, in other digits: the image of that number, or none.
        response = client.get(f"/api/v1/images/{number.replace('1', str(image.pk + 7))}{suffix}")
        assert response.status_code in {404, 422}, number
        assert response.json().keys() == {"detail"}, number


STATIC = (
    "../settings/base.py ..%2fsettings%2fbase.py %2e%2e/%2e%2e/etc/passwd ....//....//etc/passwd /etc/passwd "
    "//etc/passwd admin/../../../../etc/passwd admin/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd ..%5c..%5cetc%5cpasswd "
    "%252e%252e/etc/passwd ..%c0%af..%c0%afetc/passwd file:///etc/passwd admin/css/base.css/../../../../../etc/passwd "
    "%00 admin/css/base.css%00.py .%00./etc/passwd ..;/etc/passwd"
)


@pytest.fixture
def plain(settings: Settings, tmp_path: Path) -> Client:
    settings.STATIC_ROOT = tmp_path
    return Client(raise_request_exception=False)


@pytest.mark.django_db
def test_no_path_of_a_static_file_leads_out(plain: Client) -> None:
    served = plain.get("/static/admin/css/base.css")
    assert served.status_code == 200
    served.close()
    for place in STATIC.split():
        for prefix in ("/static/", "/static/admin/css/../../", "/media/", "/images/", "/data/"):
            response = plain.get(prefix + place)
            said = b"".join(response.streaming_content) if response.streaming else response.content
            assert response.status_code in {400, 404}, prefix + place
            assert b"root:" not in said and b"SECRET_KEY" not in said, prefix + place


def _old_database(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as file:
        file.executescript(script)
    return path


TYPES = (
    "CREATE TABLE task_types (id, name, description, parameters_schema, metadata, is_active, created_at, updated_at);"
)
TASKS = (
    "CREATE TABLE task_list (id, task_type_id, status, parameters, priority, metadata, result, error_message, "
    "created_at, updated_at, started_at, completed_at);"
)
HOSTILE: dict[str, str] = {
    "no tables": "CREATE TABLE x (y);",
    "views in place of tables": "CREATE VIEW task_types AS SELECT load_extension('/tmp/x.so') AS id;"
    "CREATE VIEW task_list AS SELECT 1 AS id;",
    "an endless view": TYPES
    + "CREATE VIEW task_list AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
    "SELECT i AS id, 1 AS task_type_id, 'pending' AS status, '{}' AS parameters, 1 AS priority, '{}' AS metadata, "
    "NULL AS result, NULL AS error_message, 'x' AS created_at, NULL AS updated_at, NULL AS started_at, "
    "NULL AS completed_at FROM n;",
    "blobs": TYPES + TASKS + "INSERT INTO task_types VALUES (x'00ff', x'00', x'ff', x'ff', x'ff', x'ff', x'ff', x'ff');"
    "INSERT INTO task_list VALUES (x'00', x'00', x'00', x'00', x'00', x'00', x'00', x'00', x'00', x'00', x'00', '');",
    "text that is not UTF-8": TYPES
    + TASKS
    + "INSERT INTO task_types VALUES (1, CAST(x'ff' AS TEXT), NULL, NULL, NULL, 1, '2025-01-01T00:00:00Z', NULL);",
    "numbers and nulls": TYPES
    + TASKS
    + "INSERT INTO task_types VALUES (NULL, NULL, 1, 2, 3, 4, 5, 6), (1e300, 1e300, 1, 1, 1, 1, 1, 1);"
    "INSERT INTO task_list VALUES (NULL, NULL, NULL, 1, -9e99, 2, 3, 4, 5, 6, 7, 8);",
    "deep JSON": TYPES
    + TASKS
    + "INSERT INTO task_types VALUES (1, 'deep', '', printf('%.*c', 100000, '['), '{}', 1, '2025-01-01T00:00:00Z', "
    "NULL), (2, 'nul', '', '{\"a\": \"\\u0000\"}', '{}', 1, '2025-01-01T00:00:00Z', NULL);",
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", HOSTILE)
def test_no_foreign_database_does_more_than_be_refused(tmp_path: Path, name: str) -> None:
    User.objects.create_user("importer@example.com")
    path = _old_database(tmp_path / "api.db", HOSTILE[name])
    try:
        call_command("import_prismq_db", str(path), "--owner", "importer@example.com", verbosity=0)
    except CommandError:
        pass  # Refused as a whole; else row by row.
    assert not Task.objects.exists()
    assert not TaskType.objects.filter(is_active=True).exists()


@pytest.mark.parametrize(
    "place", ["..", "/etc/passwd", "/dev/zero", "/proc/self/mem", "no/such", "?mode=rwc", "x\0y", ""]
)
@pytest.mark.django_db
def test_no_foreign_path_does_more_than_be_refused(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    User.objects.create_user("importer@example.com")
    with pytest.raises(CommandError):
        call_command("import_prismq_db", place, "--owner", "importer@example.com", verbosity=0)
    assert list(tmp_path.iterdir()) == []
