"""Decodes a whole picture once and keeps a small gray copy of it, from which every further check is made.

A JPEG is decoded by libjpeg-turbo at a reduced scale: every coded bit is still read, so every truncation and every
damage that a decoder can notice is noticed, and only the inverse transform is saved. Warnings count as faults there,
where Pillow overlooks them. What libjpeg-turbo's plain interface cannot do (CMYK, odd sampling factors) and all other
formats are decoded by Pillow.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .base import Issue, Thresholds
from .headers import Header
from .pillow import PILLOW_NAMES, guarded
from .quality import Tones

#: Shorter side of the gray copy in pixels: at least this, where the picture is that large.
GRAY_SIDE: Final = 128
_ALL_SCANS: Final = b"\xff\xda"  # start-of-scan marker; inside coded data FF is always followed by 00 or RSTn
_DAMAGE: Final = ("Corrupt JPEG data", "Inconsistent progression sequence")
_MAX_WARNINGS: Final = 5

Gray = NDArray[np.uint8]


class DecodeError(Exception):
    """The picture cannot be decoded to its end.

    Attributes:
        issue: truncated, corrupt, unreadable or pixel_bomb.
    """

    def __init__(self, issue: Issue, detail: str) -> None:
        self.issue = issue
        super().__init__(detail)


@dataclass(slots=True)
class Decoded:
    """A picture that was decoded to its end.

    Attributes:
        gray: brightness, rows × columns, shorter side ``GRAY_SIDE`` or more where the picture is that large.
        tones: its histogram's figures.
        blank: one flat colour, or fully transparent, at full size.
        mode: colour mode in Pillow's words.
        frames: frames or pages, counted up to the pixel limit.
        warnings: what Pillow warned of.
    """

    gray: Gray
    tones: Tones
    blank: bool
    mode: str
    frames: int = 1
    warnings: list[str] = field(default_factory=list)


def decode(header: Header, data: bytes, limits: Thresholds) -> Decoded:
    """Decode a picture whose header was read and found small enough.

    Raises:
        DecodeError: with the issue to note.
    """
    if header.format == "jpeg":
        decoded = _jpeg(header, data, limits)
        if decoded is not None:
            return decoded
    elif header.format == "png":
        _check_chunks(data)
    elif header.format == "webp" and int.from_bytes(data[4:8], "little") + 7 > len(data):
        raise DecodeError(Issue.TRUNCATED, "the RIFF container is longer than the file")
    return _by_pillow(header, data, limits)


def _jpeg(header: Header, data: bytes, limits: Thresholds) -> Decoded | None:
    """Decode with libjpeg-turbo; None where Pillow shall judge."""
    if header.progressive and data.count(_ALL_SCANS) > limits.max_scans:
        raise DecodeError(Issue.PIXEL_BOMB, f"more than {limits.max_scans} scans")
    try:
        # The decoder's own idea of the size counts, not only that of our reader.
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if height * width > limits.max_pixels:
            raise DecodeError(Issue.PIXEL_BOMB, f"{width} × {height} pixels are more than {limits.max_pixels}")
        if colours not in ("YCbCr", "Gray", "RGB"):
            # Its looks are Pillow's to judge; damage, which Pillow overlooks, is found by decoding it here as well.
            simplejpeg.decode_jpeg(data, "CMYK", min_height=GRAY_SIDE, min_width=GRAY_SIDE)
            return None
        gray: Gray = simplejpeg.decode_jpeg(data, "GRAY", min_height=GRAY_SIDE, min_width=GRAY_SIDE)[:, :, 0]
    except ValueError as error:
        sentence = str(error)
        if sentence.startswith("Premature end"):
            raise DecodeError(Issue.TRUNCATED, sentence) from error
        if sentence.startswith(_DAMAGE):
            raise DecodeError(Issue.CORRUPT, sentence) from error
        return None  # an unusual file or a harmless remark such as an unknown JFIF revision
    except MemoryError as error:
        raise DecodeError(Issue.PIXEL_BOMB, "not enough memory") from error

    def full() -> Gray:
        pixels: Gray = simplejpeg.decode_jpeg(data, "GRAY")[:, :, 0]
        return pixels

    tones = Tones.of(gray)
    return Decoded(gray, tones, _is_flat(tones, full, limits), header.mode)


def _is_flat(tones: Tones, full: Callable[[], Gray], limits: Thresholds) -> bool:
    # Reducing averages fine patterns away, so what looks flat when small is looked at again in full.
    return tones.deviation < limits.blank_deviation and Tones.of(full()).deviation < limits.blank_deviation


def _check_chunks(data: bytes) -> None:
    """Check the checksums of a PNG's critical chunks and that it is complete, which Pillow does not do."""
    view, position, end = memoryview(data), 8, len(data)
    while position + 12 <= end:
        after = position + 12 + int.from_bytes(view[position : position + 4], "big")
        if after > end:
            break
        kind = bytes(view[position + 4 : position + 8])
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(view[position + 4 : after - 4]) != int.from_bytes(view[after - 4 : after], "big"):
            raise DecodeError(Issue.CORRUPT, f"the checksum of the PNG chunk {kind!r} is wrong")
        if kind == b"IEND":
            return
        position = after
    raise DecodeError(Issue.TRUNCATED, "the PNG has no end chunk")


def _by_pillow(header: Header, data: bytes, limits: Thresholds) -> Decoded:
    opened = False
    with guarded(limits.max_pixels) as caught:
        try:
            with Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[header.format],)) as image:
                opened = True
                image.load()
                decoded = _reduced(image, limits)
                if header.format != "jpeg":  # further pictures of a JPEG are previews of the same one
                    decoded.frames = _walk_frames(image, limits)
        except DecodeError:
            raise
        except UnidentifiedImageError:  # its own sentence shows an address in memory
            raise DecodeError(Issue.UNREADABLE, "no decoder can open this file") from None
        except Exception as error:
            raise DecodeError(_classify(error, opened), f"{type(error).__name__}: {error}") from error
    decoded.warnings = [str(warning.message) for warning in caught[:_MAX_WARNINGS]]
    return decoded


def _classify(error: Exception, opened: bool) -> Issue:
    sentence = str(error).lower()
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning | MemoryError):
        return Issue.PIXEL_BOMB
    if "too large" in sentence or "too much memory" in sentence:  # PngImagePlugin's limits on compressed text
        return Issue.PIXEL_BOMB
    if isinstance(error, EOFError) or "truncated" in sentence or "unexpected end" in sentence:
        return Issue.TRUNCATED
    return Issue.CORRUPT if opened else Issue.UNREADABLE


def _walk_frames(image: Image.Image, limits: Thresholds) -> int:
    """Decode the further frames, as long as all together stay within the pixel limit; return how many there are."""
    known = getattr(image, "n_frames", 1) if image.format in ("PNG", "WEBP", "AVIF") else None
    if known is not None and known > limits.max_frames:
        raise DecodeError(Issue.PIXEL_BOMB, f"{known} frames are more than {limits.max_frames}")
    frames, budget = 1, limits.max_pixels - image.width * image.height
    while budget >= 0:
        if known is not None and frames >= known:
            break
        try:
            image.seek(frames)
        except EOFError:
            break
        frames += 1
        if frames > limits.max_frames:
            raise DecodeError(Issue.PIXEL_BOMB, f"more than {limits.max_frames} frames")
        budget -= image.width * image.height
        image.load()
    return known or frames


def _reduced(image: Image.Image, limits: Thresholds) -> Decoded:
    mode = image.mode
    lowest, highest = 255, 255
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        lowest, highest = int(alpha.min()), int(alpha.max())
    whole = _to_gray(image)
    factor = min(whole.size) // GRAY_SIDE
    gray = np.asarray(whole.reduce(factor) if factor > 1 else whole)
    tones = Tones.of(gray)
    # A glyph drawn in one colour shows in its alpha channel alone.
    flat = lowest == highest and _is_flat(tones, lambda: np.asarray(whole), limits)
    return Decoded(gray, tones, flat or highest == 0, mode)


def _to_gray(image: Image.Image) -> Image.Image:
    """Return brightness in 8 bits; 16- and 32-bit pictures are scaled, not clipped as ``convert`` would."""
    if image.mode == "LAB":
        return image.getchannel(0)
    if image.mode[0] not in "IF":
        return image.convert("L")
    pixels = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0, neginf=0)
    highest = float(pixels.max())
    white = 255.0 if highest <= 255 and image.mode != "I;16" else max(65_535.0, highest)
    if image.mode == "F" and highest <= 1:
        white = 1.0
    return Image.fromarray((np.clip(pixels, 0, white) * (255 / white)).astype(np.uint8))
