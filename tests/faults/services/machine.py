"""What a machine may run out of: disk, permission to write, file descriptors; and clocks that are wrong."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.fleet import ROOT
from tests.faults.site import Site

_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib*/faketime/libfaketime.so.1")


class SmallDisk:
    """A folder that can be full or read-only: as root a small file system of its own, else the nearest thing.

    Args:
        site: whose processes write there.
        folder: exists.
    """

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder
        self.mounted = False
        self._filler = folder / "filler"

    def mount(self, megabytes: int) -> None:
        """Put a small file system over the folder, with what is in it."""
        if os.getuid() != 0:
            return
        kept = self.folder.with_name(f"{self.folder.name}-kept")
        shutil.copytree(self.folder, kept)
        size = f"size={megabytes}m,mode=0700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "pixtasks-test", str(self.folder)], check=True)
        self.mounted = True
        shutil.copytree(kept, self.folder, dirs_exist_ok=True)

    def unmount(self) -> None:
        """Take it away, whatever still uses it."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @contextmanager
    def full(self, *names: str) -> Iterator[None]:
        """Let nothing more be written, by the named processes at least."""
        if not self.mounted:
            with _limited(self.site, names, resource.RLIMIT_FSIZE, 1):
                yield
            return
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass
        try:
            yield
        finally:
            self._filler.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nothing be changed."""
        if not self.mounted:
            self.folder.chmod(0o500)
        else:
            # Remounting is refused while a file is open for writing; a bind mount can be read-only above that.
            subprocess.run(["mount", "--bind", str(self.folder), str(self.folder)], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", str(self.folder)], check=True)
        try:
            yield
        finally:
            if not self.mounted:
                self.folder.chmod(0o700)
            else:
                subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@contextmanager
def small_disk(site: Site, folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Lend one; the site's processes end before it goes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    disk = SmallDisk(site, folder)
    disk.mount(megabytes)
    try:
        yield disk
    finally:
        site.close()
        disk.unmount()


@contextmanager
def few_descriptors(site: Site, names: Iterable[str], number: int) -> Iterator[None]:
    """Let the named processes and their pools open so many files at most."""
    with _limited(site, names, resource.RLIMIT_NOFILE, number):
        yield


@contextmanager
def _limited(site: Site, names: Iterable[str], what: int, limit: int) -> Iterator[None]:
    before: dict[int, tuple[int, int]] = {}
    for name in names:
        for pid in [site.fleet.pid(name), *site.fleet.pool(name)]:
            before[pid] = resource.prlimit(pid, what)
            resource.prlimit(pid, what, (limit, before[pid][1]))
    try:
        yield
    finally:
        for pid, limits in before.items():
            if (Path("/proc") / str(pid)).exists():
                resource.prlimit(pid, what, limits)


def wrong_clock(seconds: int) -> dict[str, str] | None:
    """Return variables under which a process believes that it is so much later; None where libfaketime is missing."""
    found = [path for pattern in _LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    if not found:
        return None
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(Path(__file__).with_name("clock")))),
    }
