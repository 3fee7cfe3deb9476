"""Whole pictures of every accepted format and of their odd corners, small, made from one photograph and a seed."""

from __future__ import annotations

import random
from functools import cache

from PIL import Image

from tests.images import encode, photos

_SIDE = 96


@cache
def corpus() -> tuple[tuple[str, bytes], ...]:
    """Return (name, bytes) of every seed file; the name says what is special about it."""
    photo = photos()[0].resize((_SIDE + 31, _SIDE))
    gray, small = photo.convert("L"), photo.resize((_SIDE, _SIDE))
    frames = [small.rotate(15 * turn) for turn in range(1, 4)]
    animated = {"save_all": True, "append_images": frames, "duration": 50}
    noise = Image.frombytes("RGB", (_SIDE, _SIDE), random.Random(1).randbytes(_SIDE * _SIDE * 3))
    exif = Image.Exif()
    exif[0x010E] = "a description" * 20
    return (
        ("jpeg", encode(photo, "jpeg", quality=85)),
        ("jpeg progressive", encode(photo, "jpeg", quality=60, progressive=True)),
        ("jpeg gray", encode(gray, "jpeg")),
        ("jpeg cmyk", encode(photo.convert("CMYK"), "jpeg")),
        ("jpeg 4:4:4 with restarts", encode(photo, "jpeg", subsampling=0, restart_marker_blocks=4)),
        ("jpeg with exif and thumbnail", encode(photo, "jpeg", exif=exif.tobytes() + encode(small, "jpeg"))),
        ("jpeg optimised noise", encode(noise, "jpeg", optimize=True, quality=95)),
        ("png", encode(photo, "png")),
        ("png palette", encode(photo.quantize(32), "png")),
        ("png gray 16 bit", encode(gray.convert("I;16"), "png")),
        ("png alpha", encode(photo.convert("RGBA"), "png")),
        ("png bilevel", encode(gray.convert("1"), "png")),
        ("png animated", encode(small, "png", **animated)),
        ("gif", encode(photo, "gif")),
        ("gif animated", encode(small, "gif", **animated)),
        ("webp", encode(photo, "webp", quality=70)),
        ("webp lossless", encode(photo.convert("RGBA"), "webp", lossless=True)),
        ("webp animated", encode(small, "webp", **animated)),
        ("bmp", encode(small, "bmp")),
        ("bmp palette", encode(small.quantize(16), "bmp")),
        ("tiff", encode(photo, "tiff")),
        ("tiff lzw", encode(photo, "tiff", compression="tiff_lzw")),
        ("tiff deflate", encode(photo, "tiff", compression="tiff_adobe_deflate")),
        ("tiff jpeg", encode(photo, "tiff", compression="jpeg")),
        ("tiff bilevel group 4", encode(gray.convert("1"), "tiff", compression="group4")),
        ("tiff pages", encode(small, "tiff", save_all=True, append_images=frames)),
        ("avif", encode(photo, "avif", quality=50)),
    )
