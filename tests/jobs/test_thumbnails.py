"""Thumbnails: made once, kept beside the files, never from a bomb, dropped with the file."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from PIL import Image as Pillow

from jobs.models import CrawlJob, Image
from jobs.services import thumbnails
from jobs.services.files import missing_files, unused_files
from jobs.services.thumbnails import FileGone, Unshowable, sweep_thumbnails, thumbnail
from pixtasks.common.errors import Unavailable
from tests import factories
from tests.images import broken_images, whole_images

pytestmark = pytest.mark.django_db
UNSHOWABLE = {
    "bomb.png", "bomb.jpg", "bomb_scans.jpg", "bomb_frame.gif", "bomb.bmp", "empty.jpg", "one_byte.jpg", "html.jpg",
    "svg.png", "noise.jpg", "cut_in_header.jpg", "no_pixels.png", "flipped_header.png", "no_tables.jpg",
}  # fmt: skip


@pytest.fixture
def job() -> CrawlJob:
    return factories.started_job()


def kept() -> list[Path]:
    return sorted(Path(storages["images"].path("thumbnails")).glob("*/??/??/*"))


def opened(data: bytes) -> Pillow.Image:
    picture = Pillow.open(io.BytesIO(data), formats=("JPEG",))
    picture.load()
    return picture


@pytest.mark.parametrize("name", sorted(whole_images()))
def test_every_whole_picture_becomes_a_small_jpeg(job: CrawlJob, name: str) -> None:
    kind = {"jpg": "jpeg"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
    image = factories.image(job, whole_images()[name], format=kind)
    picture = opened(thumbnail(image))
    assert picture.mode == "RGB"
    assert 1 < max(picture.size) <= 320
    assert image.width is not None and image.height is not None
    assert abs(picture.width / picture.height - image.width / image.height) < 0.05


@pytest.mark.parametrize("name", sorted(broken_images()))
def test_a_hostile_file_is_refused_or_made_small_and_never_decoded_whole(job: CrawlJob, name: str) -> None:
    claimed = name.rpartition(".")[2]
    image = factories.image(job, broken_images()[name], format={"jpg": "jpeg"}.get(claimed, claimed))
    try:
        made = thumbnail(image)
    except Unshowable:
        assert kept() == []
    else:
        assert name not in UNSHOWABLE
        assert max(opened(made).size) <= 320


def test_it_is_made_once_and_read_from_the_storage_afterwards(job: CrawlJob) -> None:
    image = factories.image(job)
    made = thumbnail(image)
    (file,) = kept()
    assert file.name == image.sha256 and file.read_bytes() == made
    Path(storages["images"].path(image.key)).unlink()
    assert thumbnail(image) == made
    with pytest.raises(FileGone):
        thumbnail(image, "large")


def test_both_sizes_are_kept_side_by_side_and_small_pictures_are_not_enlarged(job: CrawlJob) -> None:
    image = factories.image(job, factories.png(), format="png")
    assert opened(thumbnail(image)).size == opened(thumbnail(image, "large")).size == (90, 60)
    assert [file.parts[-4] for file in kept()] == ["1280", "320"]


def test_a_thumbnail_that_a_power_cut_left_half_written_is_made_again(job: CrawlJob) -> None:
    image = factories.image(job)
    made = thumbnail(image)
    (file,) = kept()
    for broken in (b"", made[:-300], bytes(len(made))):
        file.write_bytes(broken)
        assert thumbnail(image) == made
        assert file.read_bytes() == made


def test_a_storage_that_cannot_be_written_still_shows_pictures(job: CrawlJob, monkeypatch: pytest.MonkeyPatch) -> None:
    image = factories.image(job)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert opened(thumbnail(image)).size
    assert kept() == []


def test_the_pixel_limit_of_the_installation_counts(job: CrawlJob, settings: Any) -> None:
    image = factories.image(job)
    settings.PIXTASKS_MAX_IMAGE_PIXELS = 100
    with pytest.raises(Unshowable, match="pixels are more than 100"):
        thumbnail(image)


def test_no_more_than_two_pictures_are_decoded_at_a_time(job: CrawlJob, monkeypatch: pytest.MonkeyPatch) -> None:
    image = factories.image(job)
    monkeypatch.setattr(thumbnails, "_PATIENCE", 0.05)
    taken = [thumbnails._turns.acquire(timeout=5) for _ in range(2)]
    try:
        assert taken == [True, True]
        with pytest.raises(Unavailable):
            thumbnail(image)
    finally:
        thumbnails._turns.release(2)
    found: list[bytes] = []
    worker = threading.Thread(target=lambda: found.append(thumbnail(image)))
    worker.start()
    worker.join(20)
    assert len(found) == 1


def test_the_sweep_drops_those_of_pictures_that_are_gone_and_no_others(job: CrawlJob) -> None:
    stays, goes = factories.image(job), factories.image(job)
    for image in (stays, goes):
        thumbnail(image)
        thumbnail(image, "large")
    Image.objects.filter(pk=goes.pk).delete()
    assert sweep_thumbnails() == 2
    assert {file.name for file in kept()} == {stays.sha256}
    assert sweep_thumbnails() == 0


def test_the_sweep_of_an_installation_without_thumbnails_does_nothing() -> None:
    assert sweep_thumbnails() == 0


def test_thumbnails_are_neither_missing_nor_unused_files(job: CrawlJob) -> None:
    from datetime import timedelta

    thumbnail(factories.image(job))
    assert list(unused_files(older_than=timedelta(0))) == []
    assert list(missing_files(deep=True)) == []
