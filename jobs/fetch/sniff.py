"""Tells what bytes are by looking at them; headers and extensions are never believed.

Sources: WHATWG MIME Sniffing 6.1, ISO/IEC 14496-12 4.3 (ftyp), TIFF 6.0 section 2, the BMP DIB header sizes.
"""

from __future__ import annotations

from typing import Final

#: So many first bytes are enough for every format.
HEAD_BYTES: Final = 512

_DIB_SIZES: Final = frozenset((12, 16, 40, 52, 56, 64, 108, 124))
_AVIF: Final = frozenset((b"avif", b"avis"))
_HEIF: Final = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"))
_OTHER: Final = (
    (b"8BPS", "psd"),
    (b"\0\0\1\0", "ico"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"FLIF", "flif"),
    (b"qoif", "qoi"),
)


def sniff(head: bytes) -> str | None:
    """Return "jpeg", "png", "gif", "webp", "bmp", "tiff" or "avif" for these first bytes, None for anything else."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF"):
        return "webp" if head[8:12] == b"WEBP" else None
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0\x08\0", b"MM\0+\0\x08")):
        return "tiff"
    # "BM" alone begins many a text.
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _DIB_SIZES:
        return "bmp"
    if _AVIF & _brands(head):
        return "avif"
    return None


def sniff_unsupported(head: bytes) -> str | None:
    """Return the name of an image format that is recognised but not supported ("svg", "heic", …), else None."""
    for magic, name in _OTHER:
        if head.startswith(magic):
            return name
    if _HEIF & _brands(head):
        return "heic"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<svg"):
        return "svg"
    if text.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text and b"<html" not in text:
        return "svg"
    return None


def _brands(head: bytes) -> frozenset[bytes]:
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return frozenset((head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))))
