"""``GET /api/v1/images/{id}/file`` (CONTRACT section 4; RFC 9110, sections 8.8, 13, 14)."""

from __future__ import annotations

import hashlib

import pytest
from rest_framework.test import APIClient

from jobs.fetch.storage import images_storage
from jobs.models import Image
from pixtasks.accounts.models import User
from tests import factories
from tests.images import encode, photos


@pytest.fixture
def data() -> bytes:
    return factories.picture(seed=5).data


@pytest.fixture
def image(owner: User, data: bytes) -> Image:
    return factories.image(factories.started_job(owner=owner), data)


def url(image: Image) -> str:
    return f"/api/v1/images/{image.pk}/file"


def test_the_file_comes_byte_by_byte_with_safe_headers(client: APIClient, image: Image, data: bytes) -> None:
    response = client.get(url(image))
    assert (response.status_code, response.content) == (200, data)
    assert hashlib.sha256(response.content).hexdigest() == image.sha256
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Content-Disposition"] == f'inline; filename="{image.sha256[:16]}.jpeg"'
    assert response["ETag"] == f'"{image.sha256}"'
    assert "private" in response["Cache-Control"] and "immutable" in response["Cache-Control"]
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Length"] == str(len(data))


@pytest.mark.parametrize("kind", ["png", "gif", "webp", "bmp", "tiff", "avif"])
def test_the_type_is_the_one_its_bytes_were_found_to_be(client: APIClient, owner: User, kind: str) -> None:
    stored = factories.image(
        factories.started_job(owner=owner), encode(photos()[0].resize((64, 48)), kind), format=kind,
        content_type="text/html", source_url="http://203.0.113.1/evil.html",
    )  # fmt: skip
    response = client.get(url(stored))
    assert response["Content-Type"] == f"image/{kind}"
    assert response["Content-Disposition"].startswith("inline")


def test_what_is_no_raster_image_is_a_download(client: APIClient, owner: User) -> None:
    script = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    stored = factories.image(factories.started_job(owner=owner), script, format="svg")
    response = client.get(url(stored))
    assert (response.status_code, response["Content-Type"]) == (200, "application/octet-stream")
    assert response["Content-Disposition"] == f'attachment; filename="{stored.sha256[:16]}.bin"'
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("accept", ["image/*", "image/png", "text/html", "*/*", "nonsense"])
def test_the_accept_header_decides_nothing(client: APIClient, image: Image, accept: str) -> None:
    assert client.get(url(image), headers={"accept": accept})["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, None),
        ("bytes=-10", -10, None),
        ("bytes=5-999999999", 5, None),
        ("bytes=-999999999", 0, None),
    ],
)
def test_a_range_is_answered_with_that_part(
    client: APIClient, image: Image, data: bytes, header: str, start: int, stop: int | None
) -> None:
    response = client.get(url(image), headers={"range": header})
    assert (response.status_code, response.content) == (206, data[start:stop])
    first = start % len(data)
    assert response["Content-Range"] == f"bytes {first}-{first + len(response.content) - 1}/{len(data)}"
    assert response["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize("header", ["bytes=99999999-", "bytes=99999999-100000000", "bytes=-0"])
def test_a_range_beyond_the_end_is_a_416(client: APIClient, image: Image, data: bytes, header: str) -> None:
    response = client.get(url(image), headers={"range": header})
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(data)}")
    assert response.json()["detail"] == f"The file has {len(data)} bytes only"


@pytest.mark.parametrize("header", ["bytes=9-5", "bytes=", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=--5"])
def test_a_range_that_is_none_or_several_is_answered_in_full(
    client: APIClient, image: Image, data: bytes, header: str
) -> None:
    response = client.get(url(image), headers={"range": header})
    assert (response.status_code, response.content) == (200, data)


def test_a_range_of_another_version_is_answered_in_full(client: APIClient, image: Image, data: bytes) -> None:
    part = {"range": "bytes=0-9"}
    assert client.get(url(image), headers={**part, "if-range": f'"{image.sha256}"'}).status_code == 206
    assert client.get(url(image), headers={**part, "if-range": '"other"'}).content == data


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_a_copy_that_is_still_the_one_is_a_304(client: APIClient, image: Image, form: str) -> None:
    response = client.get(url(image), headers={"if-none-match": form.format(image.sha256)})
    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == f'"{image.sha256}"'
    assert "immutable" in response["Cache-Control"]
    assert client.get(url(image), headers={"if-none-match": '"other"'}).status_code == 200


def test_head_sends_the_headers_only(client: APIClient, image: Image, data: bytes) -> None:
    response = client.head(url(image))
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Length"] == str(len(data))


def test_a_file_that_is_gone_is_a_404(client: APIClient, image: Image) -> None:
    images_storage().delete(image.key)
    response = client.get(url(image))
    assert (response.status_code, response.json()) == (
        404,
        {"detail": "The file of this image is not there any more."},
    )


def test_a_stranger_is_refused_even_with_the_tag_of_the_file(stranger: APIClient, image: Image) -> None:
    response = stranger.get(url(image), headers={"if-none-match": f'"{image.sha256}"'})
    assert response.status_code == 403
