"""The bytes of stored images: whole, in part, and as a small preview."""

from __future__ import annotations

import hashlib
import io
from functools import cache as remember
from typing import Final

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import Storage
from PIL import Image as Pillow
from PIL import ImageDraw, ImageOps
from redis.exceptions import RedisError

from jobs.fetch.storage import images_storage
from jobs.models import Image
from jobs.validators import Thresholds
from jobs.validators.headers import HeaderError, read_header
from jobs.validators.pillow import PILLOW_NAMES, guarded
from pixtasks.common.errors import NotFound

logger = structlog.get_logger(__name__)

CONTENT_TYPES: Final = {name: f"image/{name}" for name in PILLOW_NAMES}
"""What a browser is told of each format that it may show."""
THUMBNAIL_TYPE: Final = "image/jpeg"
_KEPT_SECONDS: Final = 3600
_LARGEST_KEPT: Final = 100_000
_START_OF_SCAN: Final = b"\xff\xda"


class FileGone(NotFound):
    """The file of this image is not there any more."""


class Unshowable(Exception):
    """No preview can be made of these bytes; the message says why."""


def file_size(image: Image) -> int:
    """Return the size of an image's file, bytes.

    Raises:
        FileGone: the storage does not have it.
    """
    try:
        return images_storage().size(image.key)
    except FileNotFoundError as error:
        raise FileGone from error


def read_file(image: Image, start: int = 0, length: int | None = None) -> bytes:
    """Return the bytes of an image's file, or ``length`` of them from ``start``.

    The fetch capped every file at PIXTASKS_FETCH_MAX_BYTES, so it may be held in memory; an ASGI server would collect
    a stream there, too.

    Raises:
        FileGone: the storage does not have it.
    """
    storage: Storage = images_storage()
    try:
        with storage.open(image.key, "rb") as file:
            file.seek(start)
            data: bytes = file.read() if length is None else file.read(length)
            return data
    except FileNotFoundError as error:
        raise FileGone from error


def thumbnail(image: Image, size: int) -> bytes:
    """Return a JPEG of the image whose longer side is at most ``size`` pixels; kept in the cache for an hour.

    Raises:
        FileGone: the storage does not have the file.
        Unshowable: the picture is broken, or larger than PIXTASKS_MAX_IMAGE_PIXELS.
    """
    key = f"thumbnail:{image.sha256}:{size}"
    kept = _from_cache(key)
    if kept is not None:
        return kept
    made = make_thumbnail(read_file(image), image.format, size)
    if len(made) <= _LARGEST_KEPT:
        _into_cache(key, made)
    return made


def make_thumbnail(data: bytes, kind: str, size: int) -> bytes:
    """Return a JPEG of a picture of that sniffed format.

    The header is judged before anything is decoded, and the decoder reduces a JPEG while it reads it.

    Raises:
        Unshowable: the picture is broken or too large.
    """
    if kind not in PILLOW_NAMES:
        raise Unshowable(f"{kind} is not a raster format")
    most = settings.PIXTASKS_MAX_IMAGE_PIXELS
    try:
        header = read_header(kind, data, complete=True, max_pixels=most)
    except HeaderError as error:
        raise Unshowable(str(error)) from error
    if header.width * header.height > most:
        raise Unshowable(f"{header.width} × {header.height} pixels are more than {most}")
    if header.progressive and data.count(_START_OF_SCAN) > Thresholds.from_settings().max_scans:
        raise Unshowable("too many scans")
    with guarded(most):
        try:
            with Pillow.open(io.BytesIO(data), formats=(PILLOW_NAMES[kind],)) as picture:
                picture.draft("RGB", (size, size))
                return _encoded(picture, size)
        except Exception as error:  # Whatever a decoder raises over foreign bytes.
            raise Unshowable(f"{type(error).__name__}: {error}") from error


@remember
def placeholder(size: int) -> bytes:
    """Return what stands for a picture that cannot be shown: a gray square with a cross, JPEG."""
    picture = Pillow.new("RGB", (size, size), (226, 228, 232))
    draw = ImageDraw.Draw(picture)
    edge, width = size // 3, max(2, size // 64)
    for line in ((edge, edge, size - edge, size - edge), (edge, size - edge, size - edge, edge)):
        draw.line(line, fill=(150, 154, 162), width=width)
    return _jpeg(picture)


def thumbnail_tag(image: Image, size: int) -> str:
    """Return the entity tag of an image's preview: it changes with the picture and the size only."""
    return hashlib.sha256(f"{image.sha256}:{size}".encode()).hexdigest()


def _encoded(picture: Pillow.Image, size: int) -> bytes:
    small: Pillow.Image = picture
    if small.mode in ("I", "F") or small.mode.startswith("I;16"):
        # Sixteen bits would be clipped to white by a plain conversion.
        small = ImageOps.autocontrast(small.convert("F").convert("L")) if small.mode == "F" else _from_16_bits(small)
    if small.has_transparency_data:
        small = small.convert("RGBA")
        small.thumbnail((size, size), reducing_gap=2.0)
        ground = Pillow.new("RGBA", small.size, "white")
        small = Pillow.alpha_composite(ground, small)
    small = small.convert("RGB")
    small.thumbnail((size, size), reducing_gap=2.0)
    return _jpeg(ImageOps.exif_transpose(small))


def _from_16_bits(picture: Pillow.Image) -> Pillow.Image:
    return picture.convert("I").point(lambda value: value / 256).convert("L")


def _jpeg(picture: Pillow.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82, optimize=True)
    return buffer.getvalue()


def _from_cache(key: str) -> bytes | None:
    try:
        found = cache.get(key)
    except (RedisError, OSError) as error:
        logger.warning("thumbnail_cache_unavailable", error=str(error))
        return None
    return found if isinstance(found, bytes) else None


def _into_cache(key: str, data: bytes) -> None:
    try:
        cache.set(key, data, _KEPT_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("thumbnail_cache_unavailable", error=str(error))
