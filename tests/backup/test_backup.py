"""``manage.py backup`` and ``restore`` on an installation that is not served."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from pixtasks.backup.manifest import BadBackup, Manifest
from tests.backup.installation import Installation, contents, kept, manifest_of

pytestmark = pytest.mark.process

_FILL = """
from tests import factories
job = factories.job_with_images(5)
factories.validated(job)
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.claim import claim
task = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
assert claim(task.pk, 0, worker="w", carrier="c")
from django.core.files.storage import storages
from django.core.files.base import ContentFile
storages["default"].save("notes/a.txt", ContentFile(b"a note"))
from pixtasks.installation import first_sign_in
assert first_sign_in()
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with rows, images, keys and another file; no test changes it."""
    installation = Installation(tmp_path_factory.mktemp("filled") / "data")
    installation.done("migrate", "-v0")
    installation.done("shell", "-v0", "-c", _FILL)
    return installation


@pytest.fixture(scope="module")
def backup(filled: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it; no test changes it."""
    folder = tmp_path_factory.mktemp("backups") / "first"
    filled.done("backup", folder)
    return folder


def copy_of(filled: Installation, tmp_path: Path) -> Installation:
    shutil.copytree(filled.data, tmp_path / "copy")
    return Installation(tmp_path / "copy")


def test_the_manifest_names_every_file_and_counts_every_row(filled: Installation, backup: Path) -> None:
    manifest = manifest_of(backup)
    files = {str(path.relative_to(backup)) for path in backup.rglob("*") if path.is_file()}
    assert files == set(manifest["files"]) | {"manifest.json"}
    for name, facts in manifest["files"].items():
        data = (backup / name).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (facts["sha256"], facts["bytes"])
        if not name.startswith("images/"):  # A linked image has the installation's own rights, in a private folder.
            assert stat.S_IMODE((backup / name).stat().st_mode) == 0o600
    assert {name: len(rows) for name, rows in contents(backup / "database.sqlite3").items()} == manifest["rows"]
    assert manifest["rows"]["jobs_image"] == 5
    assert kept(backup / "database.sqlite3") == kept(filled.data / "pixtasks.sqlite3")
    assert {"secrets/django", "secrets/jwt", "first-sign-in.txt", "media/notes/a.txt"} <= files
    assert sum(name.startswith("images/") for name in files) == 5
    assert manifest["missing"] == {}
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700
    assert [path.name for path in backup.parent.iterdir() if path.name.startswith(".")] == [], "no draft is left"


def test_images_are_linked_where_that_is_possible_and_copied_on_request(
    filled: Installation, backup: Path, tmp_path: Path
) -> None:
    image = filled.images[0]
    linked = backup / image.relative_to(filled.data)
    assert linked.samefile(image)
    said = json.loads(filled.done("backup", tmp_path / "copies", "--copy", "--json"))
    copied = tmp_path / "copies" / image.relative_to(filled.data)
    assert not copied.samefile(image)
    assert copied.read_bytes() == image.read_bytes()
    assert (said["linked"], said["missing"]) == (0, {})
    assert said["rows"] == sum(manifest_of(tmp_path / "copies")["rows"].values())


def test_a_backup_upon_another_takes_the_images_from_there(filled: Installation, tmp_path: Path) -> None:
    filled.done("backup", tmp_path / "monday", "--copy")
    said = json.loads(filled.done("backup", tmp_path / "tuesday", "--copy", "--from", tmp_path / "monday", "--json"))
    assert said["linked"] == 5
    name = filled.images[0].relative_to(filled.data)
    assert (tmp_path / "tuesday" / name).samefile(tmp_path / "monday" / name)
    shutil.rmtree(tmp_path / "monday")
    Manifest.read(tmp_path / "tuesday").verify(tmp_path / "tuesday", lambda *_: None)


def test_a_folder_that_is_not_empty_or_lies_in_the_data_is_refused(filled: Installation, backup: Path) -> None:
    assert "is not empty" in filled.refused("backup", backup)
    assert "lies inside of" in filled.refused("backup", filled.data / "images" / "backup")
    assert "manifest.json cannot be read" in filled.refused("backup", backup.parent / "x", "--from", backup.parent)
    assert not (backup.parent / "x").exists()


def test_missing_and_damaged_images_are_named_and_the_rest_is_backed_up(filled: Installation, tmp_path: Path) -> None:
    copy = copy_of(filled, tmp_path)
    gone, damaged = copy.images[:2]
    gone.unlink()
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    result = copy.manage("backup", tmp_path / "backup", "--json")
    assert result.returncode == 1
    said = json.loads(result.stdout)
    assert set(said["missing"]) == {gone.name, damaged.name}
    Manifest.read(tmp_path / "backup").verify(tmp_path / "backup", lambda *_: None)
    assert len(list((tmp_path / "backup").glob("images/??/??/*"))) == 3


def test_a_backup_that_is_interrupted_leaves_nothing(filled: Installation, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from pixtasks.backup.making import make_backup
def stop(what, done, total):
    if done == 3:
        raise KeyboardInterrupt
try:
    make_backup(Path({str(tmp_path / "b")!r}), progress=stop)
except KeyboardInterrupt:
    print("stopped")
"""
    assert filled.done("shell", "-v0", "-c", code) == "stopped\n"
    assert list(tmp_path.iterdir()) == []


def test_files_that_lose_their_rows_while_it_runs_are_kept_until_they_are_taken(
    filled: Installation, tmp_path: Path
) -> None:
    copy = copy_of(filled, tmp_path)
    code = f"""
import os, threading
from pathlib import Path
from django.core.files.storage import storages
from django.db import connection
from jobs.models import CrawlJob, Image
from jobs.services.crawl_jobs import delete_job
from jobs.services.files import sweep_files
from pixtasks.backup.making import make_backup

class Context:
    def progress(self, progress): pass

def sweep():
    global swept
    swept = sweep_files(Context())
    connection.close()

swept, thread = None, threading.Thread(target=sweep)
def progress(what, done, total):
    if (what, done) != ("Taking image files", 1):
        return
    for image in Image.objects.all():
        os.utime(storages["images"].path(image.key), (0, 0))
    delete_job(CrawlJob.objects.get())
    thread.start()
    thread.join(0.5)
    assert thread.is_alive(), "it waits"

made = make_backup(Path({str(tmp_path / "b")!r}), progress=progress)
thread.join()
print(len(made.manifest.missing), swept["dropped"])
"""
    assert copy.done("shell", "-v0", "-c", code) == "0 5\n"
    assert copy.images == []
    Manifest.read(tmp_path / "b").verify(tmp_path / "b", lambda *_: None)
    assert manifest_of(tmp_path / "b")["rows"]["jobs_image"] == 5


def test_a_disk_that_is_full_leaves_no_backup_and_says_so(filled: Installation, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    call = f"from django.core.management import call_command as c; c('backup', {str(tmp_path / 'b')!r}, copy=True)"
    result = filled.manage("shell", "-v0", "-c", f"{limit}\n{call}")
    assert result.returncode != 0
    assert list(tmp_path.iterdir()) == []
    assert "The backup was not made: SQLite could not copy the database" in result.stderr


def test_restoring_gives_back_every_row_and_every_file_and_says_how_it_is(
    filled: Installation, backup: Path, tmp_path: Path
) -> None:
    other = Installation(tmp_path / "elsewhere")
    said = json.loads(other.done("restore", backup, "--json"))
    assert said["moved_aside"] is None
    assert {check["name"] for check in said["doctor"]["checks"] if check["status"] == "error"} == set()
    assert kept(other.data / "pixtasks.sqlite3") == kept(backup / "database.sqlite3")
    for name, facts in manifest_of(backup)["files"].items():
        place = other.data / ("pixtasks.sqlite3" if name == "database.sqlite3" else name)
        if name != "database.sqlite3":
            assert hashlib.sha256(place.read_bytes()).hexdigest() == facts["sha256"]
            assert not place.samefile(backup / name), "what happens to it does not happen to the backup"
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in other.images] == [path.name for path in filled.images]
    other.done("doctor", "--at-rest", "--deep")
    assert other.done("backup", tmp_path / "again")
    assert kept(tmp_path / "again" / "database.sqlite3") == kept(backup / "database.sqlite3")


def test_a_data_folder_that_holds_data_is_moved_aside_only_by_force(
    filled: Installation, backup: Path, tmp_path: Path
) -> None:
    copy = copy_of(filled, tmp_path)
    (copy.data / "images" / "ab").mkdir(exist_ok=True)
    (copy.data / "images" / "ab" / "mine").write_bytes(b"mine")
    refusal = copy.refused("restore", backup)
    assert "holds data already (pixtasks.sqlite3, images, media)" in refusal
    assert "--force" in refusal
    said = json.loads(copy.done("restore", backup, "--force", "--json"))
    aside = Path(said["moved_aside"])
    assert aside.parent == copy.data.parent
    assert (aside / "images" / "ab" / "mine").read_bytes() == b"mine"
    assert kept(aside / "pixtasks.sqlite3") == kept(filled.data / "pixtasks.sqlite3")
    assert not (copy.data / "images" / "ab" / "mine").exists()
    assert kept(copy.data / "pixtasks.sqlite3") == kept(backup / "database.sqlite3")


def test_a_restore_beside_up_or_beside_a_worker_is_refused(filled: Installation, backup: Path, tmp_path: Path) -> None:
    other = Installation(tmp_path / "served")
    other.data.mkdir()
    with (other.data / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert '"manage.py up" runs on the data folder' in other.refused("restore", backup)
    copy = copy_of(filled, tmp_path)
    with closing(sqlite3.connect(copy.data / "pixtasks.sqlite3")) as connection, connection:
        connection.execute(
            "INSERT INTO tasktypes_worker (name, pid, slots, queues, started_at, heartbeat_at) "
            "VALUES ('by-hand@host', 1, 1, '[]', datetime('now'), datetime('now'))"
        )
    assert "by-hand@host still works on" in copy.refused("restore", backup, "--force")
    assert copy.images


@pytest.mark.parametrize("harm", ["changed", "shorter", "gone", "linked elsewhere"])
def test_every_kind_of_damage_is_noticed(backup: Path, tmp_path: Path, harm: str) -> None:
    shutil.copytree(backup, tmp_path / "backup")
    victim = sorted((tmp_path / "backup").glob("images/??/??/*"))[0]
    data = victim.read_bytes()
    victim.unlink()
    if harm == "changed":
        victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif harm == "shorter":
        victim.write_bytes(data[:-1])
    elif harm == "linked elsewhere":
        (tmp_path / "outside").write_bytes(data)
        victim.symlink_to(tmp_path / "outside")
    with pytest.raises(BadBackup, match=f"{victim.name}.*Use another backup"):
        Manifest.read(tmp_path / "backup").verify(tmp_path / "backup", lambda *_: None)


def test_a_damaged_backup_is_refused_before_anything_is_touched(backup: Path, tmp_path: Path) -> None:
    shutil.copytree(backup, tmp_path / "backup")
    victim = sorted((tmp_path / "backup").glob("images/??/??/*"))[0]
    victim.write_bytes(b"x" * victim.stat().st_size)
    other = Installation(tmp_path / "other")
    assert f"{victim.name} holds other bytes than were backed up" in other.refused("restore", tmp_path / "backup")
    assert not (other.data / "pixtasks.sqlite3").exists()
    assert other.images == []


def test_a_backup_of_a_newer_version_is_refused(backup: Path, tmp_path: Path) -> None:
    shutil.copytree(backup, tmp_path / "backup")
    manifest = manifest_of(backup)
    manifest["migrations"].append("jobs.9999_later")
    (tmp_path / "backup" / "manifest.json").write_text(json.dumps(manifest))
    assert "newer version" in Installation(tmp_path / "other").refused("restore", tmp_path / "backup")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"product": "other", "format": 1}', "another product"),
        ('{"product": "pixtasks", "format": 2}', "another format"),
        ('{"product": "pixtasks", "format": 1, "files": {}}', "is damaged"),
    ],
)
def test_what_is_no_manifest_is_no_backup(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BadBackup, match=why):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("name", ["../secrets", "/etc/passwd", "images/../../x"])
def test_a_manifest_that_names_files_outside_of_the_backup_is_refused(backup: Path, tmp_path: Path, name: str) -> None:
    manifest = manifest_of(backup)
    manifest["files"][name] = {"sha256": "0" * 64, "bytes": 0}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadBackup, match="outside of the backup"):
        Manifest.read(tmp_path)


@pytest.mark.services
def test_on_postgresql_both_say_what_to_use_instead(tmp_path: Path) -> None:
    installation = Installation(
        tmp_path / "data", DATABASE_URL=os.environ["DATABASE_URL"], REDIS_URL=os.environ["REDIS_URL"]
    )
    for command in ("backup", "restore"):
        assert "pg_dump" in installation.refused(command, tmp_path / "backup")
