"""Small files that ask for much: pixels, frames, scans, text. At least one in every accepted format."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

from PIL import Image

from tests.images import encode

_HUGE = 60_000


@cache
def bombs() -> tuple[tuple[str, bytes], ...]:
    """Return (name, bytes) of every bomb."""
    small = Image.new("RGB", (80, 80), "gray")
    return (
        ("png of 60,000 x 60,000 pixels", _png(_HUGE, _HUGE, zlib.compress(bytes(1_000_000)))),
        ("png of 6,400 x 6,400 pixels that are all there", _png(6_400, 6_400, _gray_rows(6_400))),
        ("png with 200 MB of compressed text", _png(80, 80, _rgb_rows(80), text=zlib.compress(bytes(200_000_000)))),
        ("png whose data go on for 100 MB", _png(80, 80, zlib.compress(bytes(100_000_000)))),
        ("png animated with 3,000 frames", encode(small, "png", save_all=True, append_images=_shades(3_000))),
        ("gif with 3,000 frames", encode(small, "gif", save_all=True, append_images=_shades(3_000))),
        ("gif with a screen of 65,535 x 65,535", _patched(encode(small, "gif"), 6, struct.pack("<HH", 65535, 65535))),
        (
            "webp animated with 600 frames",
            encode(small, "webp", save_all=True, append_images=_shades(600), lossless=True, method=0),
        ),
        ("webp of 16,383 x 16,383 by its header", _webp_canvas(encode(small.convert("RGBA"), "webp", lossless=True))),
        ("bmp of 60,000 x 60,000", _patched(encode(small, "bmp"), 18, struct.pack("<ii", _HUGE, _HUGE))),
        ("bmp of height -2147483648", _patched(encode(small, "bmp"), 22, struct.pack("<i", -(2**31)))),
        ("tiff of 60,000 x 60,000", _tiff(_HUGE, _HUGE)),
        ("tiff of 400 pages", encode(small, "tiff", save_all=True, append_images=_shades(700))),
        ("jpeg of 65,500 x 65,500 by its header", _jpeg_size(encode(small, "jpeg"), 65_500, 65_500)),
        ("jpeg with 5,000 scans", _many_scans(encode(small, "jpeg", progressive=True), 5_000)),
        ("avif of 60,000 x 60,000 by its header", _avif_size(encode(small, "avif"), _HUGE, _HUGE)),
    )


def _shades(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (80, 80), (number % 256, number // 256 * 17 % 256, 7)) for number in range(count)]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, pixels: bytes, *, text: bytes = b"") -> bytes:
    colour = 0 if width == 6_400 else 2
    parts = [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))]
    if text:
        parts.append(_chunk(b"zTXt", b"Comment\x00\x00" + text))
    return b"".join([*parts, _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")])


def _gray_rows(side: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(side + 1)) for _ in range(side)), packer.flush()])


def _rgb_rows(side: int) -> bytes:
    return zlib.compress(bytes(side * (1 + 3 * side)))


def _patched(data: bytes, place: int, value: bytes) -> bytes:
    return data[:place] + value + data[place + len(value) :]


def _webp_canvas(data: bytes) -> bytes:
    # An extended container whose canvas is as large as the format allows, around the small picture.
    canvas = b"\x10\0\0\0" + (16_382).to_bytes(3, "little") * 2
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas + data[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tiff(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, "tiff", compression="tiff_adobe_deflate")
    data = bytearray(buffer.getvalue())
    first = struct.unpack_from("<I", data, 4)[0]
    for entry in range(struct.unpack_from("<H", data, first)[0]):
        place = first + 2 + 12 * entry
        tag = struct.unpack_from("<H", data, place)[0]
        if tag in (256, 257, 278):  # width, height, rows per strip
            struct.pack_into("<HHII", data, place, tag, 4, 1, width if tag == 256 else height)
    return bytes(data)


def _jpeg_size(data: bytes, width: int, height: int) -> bytes:
    place = data.index(b"\xff\xc0") + 5
    return _patched(data, place, struct.pack(">HH", height, width))


def _many_scans(data: bytes, scans: int) -> bytes:
    last = data.rindex(b"\xff\xda")
    end = data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * scans + data[end:]


def _avif_size(data: bytes, width: int, height: int) -> bytes:
    place = data.index(b"ispe") + 8
    return _patched(data, place, struct.pack(">II", width, height))
