"""Reads format, size and colour mode from the first bytes of a picture, without a decoder where that is safe.

JPEG, PNG, GIF and WebP are read here (a quarter of the time of opening them with Pillow); every other format, and
every header that looks unusual, is left to Pillow. Sources: ITU-T T.81 B, PNG 5 and 11.2.1, GIF89a 18, RFC 9649.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from PIL import Image, UnidentifiedImageError

from .pillow import PILLOW_NAMES, guarded

_PNG_MODES: Final = {
    (1, 0): "1",
    (2, 0): "L",
    (4, 0): "L",
    (8, 0): "L",
    (16, 0): "I;16",
    (8, 2): "RGB",
    (16, 2): "RGB",
    (1, 3): "P",
    (2, 3): "P",
    (4, 3): "P",
    (8, 3): "P",
    (8, 4): "LA",
    (16, 4): "LA",
    (8, 6): "RGBA",
    (16, 6): "RGBA",
}
_JPEG_MODES: Final = {1: "L", 3: "RGB", 4: "CMYK"}
# Start-of-frame markers; C4, C8 and CC are tables and reserved.
_SOF: Final = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_PROGRESSIVE: Final = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_SIZES = struct.Struct(">HH")
_PNG_IHDR = struct.Struct(">IIBB")


class HeaderError(Exception):
    """The header cannot be read; the message says why."""


class IncompleteHeaderError(Exception):
    """The header is longer than the bytes given."""


@dataclass(slots=True)
class Header:
    """What a file says about itself.

    Attributes:
        format: "jpeg", "png", "gif", "webp", "bmp", "tiff" or "avif".
        width, height: pixels, at least 1.
        mode: colour mode in Pillow's words ("RGB", "L", "P", "CMYK", …).
        bits: bits per channel.
        progressive: a JPEG of several scans.
    """

    format: str
    width: int
    height: int
    mode: str
    bits: int = 8
    progressive: bool = False


def read_header(kind: str, data: bytes, *, complete: bool, max_pixels: int) -> Header:
    """Read the header of a file of that sniffed format.

    Args:
        kind: one of ``pillow.PILLOW_NAMES``.
        data: the file's first bytes.
        complete: whether ``data`` is the whole file.
        max_pixels: handed to Pillow's own guard.

    Raises:
        IncompleteHeaderError: call again with more bytes (never when ``complete``).
        HeaderError: no decoder could open this file.
    """
    reader = _READERS.get(kind)
    if reader is not None:
        try:
            header = reader(data)
        except IncompleteHeaderError:
            if not complete:
                raise
            raise HeaderError("the file ends inside its header") from None
        if header is not None:
            return header
    if not complete:
        raise IncompleteHeaderError
    return _by_pillow(kind, data, max_pixels)


def _jpeg(data: bytes) -> Header | None:
    position, end = 2, len(data)
    while position + 9 < end:
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker in _SOF:
            bits, parts = data[position + 4], data[position + 9]
            height, width = _SIZES.unpack_from(data, position + 5)
            mode = _JPEG_MODES.get(parts)
            if bits != 8 or mode is None or not width or not height:
                return None
            return Header("jpeg", width, height, mode, 8, marker in _PROGRESSIVE)
        if marker < 0xC0 or 0xD0 <= marker <= 0xDA or marker == 0xFF:
            return None
        position += 2 + (data[position + 2] << 8 | data[position + 3])
    raise IncompleteHeaderError


def _png(data: bytes) -> Header | None:
    if len(data) < 33:
        raise IncompleteHeaderError
    if data[8:16] != b"\0\0\0\rIHDR":
        return None
    width, height, bits, colours = _PNG_IHDR.unpack_from(data, 16)
    mode = _PNG_MODES.get((bits, colours))
    if mode is None or not width or not height:
        raise HeaderError(f"bit depth {bits} with colour type {colours}, {width} × {height} pixels is no valid PNG")
    if zlib.crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
        raise HeaderError("the checksum of the PNG header is wrong")
    return Header("png", width, height, mode, bits)


def _gif(data: bytes) -> Header | None:
    if len(data) < 13:
        raise IncompleteHeaderError
    width, height = struct.unpack_from("<HH", data, 6)
    if not width or not height:
        return None
    return Header("gif", width, height, "P")


def _webp(data: bytes) -> Header | None:
    if len(data) < 30:
        raise IncompleteHeaderError
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        return Header("webp", width, height, "RGBA" if data[20] & 0x10 else "RGB")
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        if width & 0x3FFF and height & 0x3FFF:
            return Header("webp", width & 0x3FFF, height & 0x3FFF, "RGB")
    if kind == b"VP8L" and data[20] == 0x2F:
        word = int.from_bytes(data[21:25], "little")
        return Header("webp", 1 + (word & 0x3FFF), 1 + (word >> 14 & 0x3FFF), "RGBA" if word >> 28 & 1 else "RGB")
    return None


# None: not what these readers know; Pillow shall judge.
_READERS = {"jpeg": _jpeg, "png": _png, "gif": _gif, "webp": _webp}


def _by_pillow(kind: str, data: bytes, max_pixels: int) -> Header:
    # The size is read with no limit of Pillow's own, so that a bomb is reported with its size; nothing is decoded.
    with guarded(max_pixels, refuse_bombs=False):
        try:
            with Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[kind],)) as image:
                width, height = image.size
                mode = image.mode
        except UnidentifiedImageError:
            raise HeaderError("no decoder can open this file") from None
        except Exception as error:
            raise HeaderError(f"{type(error).__name__}: {error}") from error
    if width < 1 or height < 1:
        raise HeaderError(f"{width} × {height} pixels")
    return Header(kind, width, height, mode, 16 if mode.startswith("I") else 32 if mode == "F" else 8)
