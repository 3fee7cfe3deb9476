"""An independent full decode of one file, to compare the validators' verdicts with.

It shares nothing with jobs/validators: every format at full size, no reduced scale, no header reader of our own.
A file is whole when its decoder reads it to the end without an error *and* without a remark about damaged data.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import simplejpeg
from PIL import Image

# What our validators say of the file itself; looks, sizes and limits are not what is compared.
FAULTS = frozenset({"truncated", "corrupt", "unreadable", "unsupported_format"})
LIMITS = frozenset({"pixel_bomb", "too_many_bytes", "too_few_bytes"})
_ACCEPTED = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
_PIXELS = 40_000_000
_MAX_FRAMES = 500


class TooMuch(Exception):
    """Decoding it would take more than any limit allows: what is right about it is not decided here."""


def fault_of(data: bytes) -> str:
    """Return what is wrong with a file, in a few words; empty where it is whole.

    Raises:
        TooMuch: it asks for more pixels or frames than are decoded here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = None
        try:
            with Image.open(io.BytesIO(data), formats=_ACCEPTED) as image:
                kind = image.format
                _frames(image)
        except TooMuch:
            raise
        except MemoryError as error:
            raise TooMuch from error
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:200]
    if kind == "JPEG":
        return _jpeg_fault(data)
    if kind == "PNG":
        return _png_fault(data)
    if kind == "WEBP" and struct.unpack_from("<I", data, 4)[0] + 7 > len(data):
        return "the container is longer than the file"
    return ""


def _frames(image: Image.Image) -> None:
    number, pixels = 0, 0
    while True:
        pixels += image.width * image.height
        if pixels > _PIXELS or number >= _MAX_FRAMES:
            raise TooMuch
        image.load()
        if image.format == "JPEG":
            return
        number += 1
        try:
            image.seek(number)
        except EOFError:
            return


def _jpeg_fault(data: bytes) -> str:
    try:
        simplejpeg.decode_jpeg(data, "RGB", strict=True)
    except ValueError as error:
        sentence = str(error)
        return sentence if sentence.startswith(("Premature end", "Corrupt JPEG data", "Inconsistent prog")) else ""
    return ""


def _png_fault(data: bytes) -> str:
    stream, position = zlib.decompressobj(), 8
    while position < len(data):
        if position + 8 > len(data):
            return "cut in a chunk's head"
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        check = data[position + 8 + length : position + 12 + length]
        if len(check) < 4:
            return "cut in a chunk"
        if kind[0] < 0x60 and zlib.crc32(kind + body) != struct.unpack(">I", check)[0]:
            return f"checksum of {kind!r}"
        if kind == b"IDAT" and not stream.eof:
            try:
                stream.decompress(body, _PIXELS * 8)
            except zlib.error as error:
                return str(error)
        if kind == b"IEND":
            return ""
        position += 12 + length
    return "no end chunk"
