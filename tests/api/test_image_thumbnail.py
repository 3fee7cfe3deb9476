"""``GET /api/v1/images/{id}/thumbnail`` (CONTRACT section 4)."""

from __future__ import annotations

import io

import pytest
from PIL import Image as Pillow
from pytest_django import Settings
from rest_framework.test import APIClient

from jobs.fetch.storage import images_storage
from jobs.models import Image
from jobs.services import pictures
from pixtasks.accounts.models import User
from tests import factories
from tests.images import broken_images, encode, photos, whole_images


def stored(owner: User, data: bytes, **fields: str) -> Image:
    return factories.image(factories.started_job(owner=owner), data, **fields)


def opened(data: bytes) -> Pillow.Image:
    return Pillow.open(io.BytesIO(data))


@pytest.mark.parametrize("size", [64, 200, 512])
def test_it_is_a_jpeg_of_that_size_at_most(client: APIClient, owner: User, size: int) -> None:
    photo = photos()[0]
    response = client.get(f"/api/v1/images/{stored(owner, encode(photo)).pk}/thumbnail", {"size": size})
    assert (response.status_code, response["Content-Type"], response["X-Thumbnail"]) == (200, "image/jpeg", "picture")
    picture = opened(response.content)
    assert max(picture.size) == min(size, max(photo.size))
    assert picture.width / picture.height == pytest.approx(photo.width / photo.height, rel=0.05)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_copy_that_is_still_the_one_is_a_304_per_size(client: APIClient, owner: User) -> None:
    url = f"/api/v1/images/{stored(owner, encode(photos()[0])).pk}/thumbnail"
    tag = client.get(url)["ETag"]
    assert client.get(url, headers={"if-none-match": tag}).status_code == 304
    assert client.get(f"{url}?size=64", headers={"if-none-match": tag}).status_code == 200


def test_it_is_made_once(client: APIClient, owner: User) -> None:
    image = stored(owner, encode(photos()[0]))
    url = f"/api/v1/images/{image.pk}/thumbnail"
    first = client.get(url).content
    images_storage().delete(image.key)
    assert client.get(url).content == first
    assert client.get(f"{url}?size=64").status_code == 404


@pytest.mark.parametrize("size", ["63", "513", "abc", "-1", "1.5"])
def test_a_size_outside_the_range_is_a_422(client: APIClient, owner: User, size: str) -> None:
    response = client.get(f"/api/v1/images/{stored(owner, encode(photos()[0])).pk}/thumbnail?size={size}")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "size"]


@pytest.mark.parametrize("name", sorted(whole_images()))
def test_every_format_and_colour_mode_can_be_shown(name: str) -> None:
    kind = {"jpg": "jpeg"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
    picture = opened(pictures.make_thumbnail(whole_images()[name], kind, 128))
    assert picture.mode == "RGB"
    assert max(picture.size) <= 128


@pytest.mark.parametrize("name", ["cmyk.jpg", "sixteen_bit.png", "bilevel.png", "transparent.png", "animated.gif"])
def test_odd_but_whole_pictures_can_be_shown(name: str) -> None:
    kind = {"jpg": "jpeg"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
    low, high = opened(pictures.make_thumbnail(broken_images()[name], kind, 128)).convert("L").getextrema()
    assert (low, high) == (255, 255) if name == "transparent.png" else low < high


def test_a_picture_is_turned_as_its_camera_says() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    thumbnail = opened(pictures.make_thumbnail(encode(photos()[0].resize((400, 200)), exif=exif), "jpeg", 128))
    assert thumbnail.height > thumbnail.width


@pytest.mark.parametrize(
    "name",
    [
        "cut_in_header.jpg", "html.jpg", "noise.jpg", "bomb.png", "bomb.jpg", "bomb_scans.jpg", "bomb_frame.gif",
        "bomb.bmp", "bomb_in_text.png", "no_frame.webp", "cut.png",
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_a_placeholder(client: APIClient, owner: User, name: str) -> None:
    kind = {"jpg": "jpeg"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
    image = stored(owner, broken_images()[name], format=kind)
    response = client.get(f"/api/v1/images/{image.pk}/thumbnail?size=64")
    assert (response.status_code, response["X-Thumbnail"]) == (200, "placeholder")
    assert opened(response.content).size == (64, 64)
    assert "immutable" not in response["Cache-Control"]
    assert "ETag" not in response.headers


def test_a_picture_above_the_pixel_limit_is_not_decoded(client: APIClient, owner: User, settings: Settings) -> None:
    settings.PIXTASKS_MAX_IMAGE_PIXELS = 10_000
    image = stored(owner, encode(photos()[0]))
    assert client.get(f"/api/v1/images/{image.pk}/thumbnail")["X-Thumbnail"] == "placeholder"
