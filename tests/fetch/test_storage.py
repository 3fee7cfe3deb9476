"""Files appear whole under their sha256, once, and stay."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from jobs.fetch import durable
from jobs.fetch.drafts import DraftFolder, remove_abandoned
from jobs.fetch.storage import ImageStorage, image_key, images_storage, open_drafts, store, store_batch


def draft_of(folder: Path, data: bytes) -> tuple[Path, str]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"draft-{time.monotonic_ns()}"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def files_of(storage: ImageStorage) -> dict[str, bytes]:
    root = Path(storage.location)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".drafts" not in path.parts
    }


def test_a_name_is_the_digest_in_two_levels_of_folders() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    assert image_key(digest) == f"{digest[:2]}/{digest[2:4]}/{digest}"


@pytest.mark.parametrize(
    "digest", ["", "ab", "../" * 20 + "abcd", "G" * 64, "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"]
)
def test_what_is_no_digest_is_no_name(storage: ImageStorage, tmp_path: Path, digest: str) -> None:
    good = draft_of(tmp_path, b"good")
    bad = draft_of(tmp_path, b"bad")[0]
    with pytest.raises(ValueError, match="sha256"):
        store_batch(storage, [good, (bad, digest)])
    assert files_of(storage) == {}
    assert good[0].exists()


def test_a_batch_is_stored_and_its_drafts_are_gone(storage: ImageStorage) -> None:
    drafts = [draft_of(storage.drafts_folder, b"image %d" % number) for number in range(30)]
    keys = store_batch(storage, drafts)
    assert keys == [image_key(digest) for _, digest in drafts]
    assert files_of(storage) == {key: b"image %d" % number for number, key in enumerate(keys)}
    assert not any(path.exists() for path, _ in drafts)
    assert store_batch(storage, []) == []


def test_storing_again_changes_nothing_but_the_age(storage: ImageStorage) -> None:
    key = store(storage, *draft_of(storage.drafts_folder, b"same"))
    path = Path(storage.path(key))
    os.utime(path, (1, 1))
    inode = path.stat().st_ino
    again = draft_of(storage.drafts_folder, b"same")
    assert store(storage, *again) == key
    assert path.stat().st_ino == inode
    assert path.stat().st_mtime > time.time() - 1000
    assert not again[0].exists()


def test_a_batch_that_was_cut_short_can_be_repeated(storage: ImageStorage) -> None:
    drafts = [draft_of(storage.drafts_folder, b"image %d" % number) for number in range(4)]
    store_batch(storage, drafts[:2])
    assert len(store_batch(storage, drafts)) == 4
    assert len(store_batch(storage, drafts)) == 4
    assert len(files_of(storage)) == 4


def test_the_same_bytes_twice_in_a_batch_are_one_file(storage: ImageStorage) -> None:
    keys = store_batch(storage, [draft_of(storage.drafts_folder, b"twin") for _ in range(3)])
    assert len(set(keys)) == 1
    assert files_of(storage) == {keys[0]: b"twin"}
    assert list(storage.drafts_folder.iterdir()) == []


def test_a_damaged_file_is_replaced_by_the_whole_one(storage: ImageStorage) -> None:
    key = store(storage, *draft_of(storage.drafts_folder, b"whole"))
    Path(storage.path(key)).write_bytes(b"who")
    store(storage, *draft_of(storage.drafts_folder, b"whole"))
    assert files_of(storage) == {key: b"whole"}


def test_a_draft_may_come_from_anywhere(storage: ImageStorage, tmp_path: Path) -> None:
    key = store(storage, *draft_of(tmp_path / "elsewhere", b"guest"))
    assert files_of(storage) == {key: b"guest"}
    assert list((tmp_path / "elsewhere").iterdir()) == list(storage.drafts_folder.iterdir()) == []


def test_a_draft_that_never_was_is_an_error(storage: ImageStorage) -> None:
    storage.drafts_folder.mkdir(parents=True)
    with pytest.raises(FileNotFoundError):
        store(storage, storage.drafts_folder / "none", hashlib.sha256(b"none").hexdigest())


def test_without_syncfs_every_file_and_folder_is_synced_by_itself(
    storage: ImageStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = durable._fsync
    monkeypatch.setattr(durable, "_syncfs", lambda: None)
    monkeypatch.setattr(durable, "_fsync", lambda path: (synced.append(os.fspath(path)), fsync(path)))
    drafts = [draft_of(storage.drafts_folder, b"image %d" % number) for number in range(5)]
    keys = store_batch(storage, drafts)
    root = Path(storage.location)
    assert set(synced[:5]) == {os.fspath(path) for path, _ in drafts}
    parents = {root} | {root / key[:2] for key in keys} | {root / key[:5] for key in keys}
    assert set(synced[5:]) == {os.fspath(path) for path in parents}
    assert len(files_of(storage)) == 5


def test_a_disk_that_does_not_take_the_bytes_is_an_error_and_nothing_gets_a_name(
    storage: ImageStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "_syncfs", lambda: lambda _: -1)
    draft, digest = draft_of(storage.drafts_folder, b"lost")
    with pytest.raises(OSError, match=str(storage.location)):
        store(storage, draft, digest)
    assert files_of(storage) == {}


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_any_storage_of_django_will_do(tmp_path: Path, kind: str) -> None:
    storage: Storage = InMemoryStorage() if kind == "memory" else FileSystemStorage(location=tmp_path / "plain")
    drafts = [draft_of(tmp_path / "drafts", b"image %d" % (number // 2)) for number in range(20)]
    keys = store_batch(storage, drafts)
    assert keys == [image_key(digest) for _, digest in drafts]
    for number, key in enumerate(keys):
        with storage.open(key) as file:
            assert file.read() == b"image %d" % (number // 2)
    assert store(storage, *draft_of(tmp_path / "drafts", b"image 0")) == keys[0]
    assert list((tmp_path / "drafts").iterdir()) == []


def test_the_usual_interface_of_django_keeps_the_name(storage: ImageStorage) -> None:
    for _ in range(2):
        assert storage.save("ab/cd/name", ContentFile(b"bytes")) == "ab/cd/name"
    assert files_of(storage) == {"ab/cd/name": b"bytes"}
    assert storage.listdir("") == (["ab"], [])


def test_the_product_stores_its_images_here() -> None:
    assert isinstance(images_storage(), ImageStorage)


def test_files_and_drafts_have_the_permissions_of_the_settings(tmp_path: Path) -> None:
    storage = ImageStorage(location=tmp_path / "images", file_permissions_mode=0o640)
    folder = open_drafts(storage)
    handle, draft = folder.create()
    os.write(handle, b"bytes")
    os.close(handle)
    key = store(storage, Path(draft), hashlib.sha256(b"bytes").hexdigest())
    folder.close()
    assert Path(storage.path(key)).stat().st_mode & 0o777 == 0o640
    assert storage.drafts_folder.stat().st_mode & 0o777 == 0o700


def test_only_drafts_of_dead_processes_are_removed(tmp_path: Path) -> None:
    living = DraftFolder(tmp_path)
    young, dead = tmp_path / "young", tmp_path / "dead"
    for folder in (young, dead):
        folder.mkdir()
        (folder / "1").write_bytes(b"left behind")
    for folder in (living.path, dead):
        os.utime(folder, (1, 1))
    stray = tmp_path / "brought-1"
    stray.write_bytes(b"left behind")
    os.utime(stray, (1, 1))
    assert remove_abandoned(tmp_path) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"young", living.path.name}
    living.close()
    assert not living.path.exists()


_VICTIM = """
import hashlib, os, sys
from pathlib import Path
from django.conf import settings
settings.configure()
from jobs.fetch.storage import ImageStorage, open_drafts, store_batch
storage = ImageStorage(location=sys.argv[1])
folder = open_drafts(storage)
for batch in range(10_000):
    drafts = []
    for number in range(5):
        handle, draft = folder.create()
        data = os.urandom(16) * 20_000
        for start in range(0, len(data), 40_000):
            os.write(handle, data[start : start + 40_000])
        os.close(handle)
        drafts.append((Path(draft), hashlib.sha256(data).hexdigest()))
    print("batch", flush=True)
    for key in store_batch(storage, drafts):
        print(key, flush=True)
"""


def test_a_killed_process_leaves_nothing_half_under_a_final_name(storage: ImageStorage) -> None:
    promised: set[str] = set()
    for kill_after in (1, 3, 6, 9):
        with subprocess.Popen(
            [sys.executable, "-c", _VICTIM, os.fspath(storage.location)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as victim:
            assert victim.stdout is not None
            for _ in range(kill_after):
                line = victim.stdout.readline().strip()
                assert line
                promised |= {line} - {"batch"}
            victim.kill()
            victim.wait(10)
    found = files_of(storage)
    assert {key: image_key(hashlib.sha256(data).hexdigest()) for key, data in found.items()} == {
        key: key for key in found
    }
    assert promised <= set(found)
    left = list(storage.drafts_folder.iterdir())
    assert len(left) == 4
    for folder in left:
        os.utime(folder, (1, 1))
    open_drafts(storage).close()
    assert list(storage.drafts_folder.iterdir()) == []
    assert files_of(storage) == found


def test_the_lock_on_drafts_is_really_held(tmp_path: Path) -> None:
    folder = DraftFolder(tmp_path)
    handle = os.open(folder.path, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    folder.close()
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)
