"""The sweep of image files."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from django.core.files.storage import storages

from jobs.fetch.keeping import storing, sweeping
from jobs.models import CrawlJob, Image, Project
from jobs.services.crawl_jobs import delete_job, start_job
from tasktypes.models import Task
from tasktypes.services.submit import NewTask, submit
from tests.jobs.conftest import urls_job
from tests.ledger import run_all, run_task
from tests.picture_server import PictureServer


def files() -> list[Path]:
    return sorted(Path(storages["images"].path("")).glob("??/??/*"))


def age(path: Path, hours: float) -> None:
    then = time.time() - hours * 3600
    os.utime(path, (then, then))


def sweep() -> Task:
    return run_task(submit([NewTask(type_name="jobs.sweep_files")], owner_id=None)[0])


def test_only_old_files_that_no_row_points_to_are_dropped(project: Project, web: PictureServer) -> None:
    first, second = urls_job(project, web.urls[:10]), urls_job(project, web.urls[5:15])
    for job in (first, second):
        start_job(job)
    run_all()
    assert len(files()) == 15
    delete_job(CrawlJob.objects.get(pk=first.pk))
    used = {
        "used": 10,
        "thumbnails_dropped": 0,
        "hosts_filled": 0,
        "bytes": sum(dict(Image.objects.values_list("sha256", "bytes")).values()),
    }
    assert sweep().result == {"seen": 15, "dropped": 0, **used}  # All are young.
    for path in files():
        age(path, 2)
    assert sweep().result == {"seen": 15, "dropped": 5, **used}
    assert {path.name for path in files()} == set(Image.objects.values_list("sha256", flat=True))
    assert sweep().result == {"seen": 10, "dropped": 0, **used}


def test_a_file_that_is_stored_again_is_young_again(project: Project, web: PictureServer) -> None:
    start_job(urls_job(project, web.urls[:3]))
    run_all()
    for path in files():
        age(path, 5)
    start_job(urls_job(project, web.urls[:3]))
    run_all()
    assert all(time.time() - path.stat().st_mtime < 3600 for path in files())


def test_the_sweep_waits_for_a_chunk_that_has_stored_files_and_not_yet_committed_their_rows(
    project: Project, web: PictureServer
) -> None:
    start_job(urls_job(project, web.urls[:3]))
    run_all()
    swept = threading.Event()

    def be_alone() -> None:
        with sweeping(storages["images"]):
            swept.set()

    with storing(storages["images"]), storing(storages["images"]):  # Chunks do not wait for each other.
        thread = threading.Thread(target=be_alone)
        thread.start()
        assert not swept.wait(0.2)
    assert swept.wait(10)
    thread.join()
