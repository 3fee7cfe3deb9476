"""Bytes are judged by what they are."""

from __future__ import annotations

import pytest
from PIL import features

from jobs.fetch.sniff import HEAD_BYTES, sniff, sniff_unsupported

from .site import picture


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "bmp", "tiff", "avif"])
def test_every_supported_format_is_known_from_its_head(kind: str) -> None:
    if kind == "avif" and not features.check("avif"):
        data = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"
    else:
        data = picture(kind=kind.upper())
    assert sniff(data[:HEAD_BYTES]) == kind
    assert sniff_unsupported(data[:HEAD_BYTES]) is None or kind == "avif"


@pytest.mark.parametrize(
    "head",
    [b"", b"B", b"BM", b"BMW is a car maker, and this is a text about it", b"RIFF\0\0\0\0WAVE", b"GIF88a", b"\xff\xd8",
     b"<!doctype html><svg></svg>", b"<html><body><svg/></body></html>", b"{}", b"%PDF-1.7", b"\0" * 600, b"II*",
     b"PK\3\4"],
)  # fmt: skip
def test_anything_else_is_no_image(head: bytes) -> None:
    assert sniff(head) is None
    assert sniff_unsupported(head) is None


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "svg"),
        (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!DOCTYPE svg>\n<SVG>", "svg"),
        (b"<!-- made by hand --><svg>", "svg"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\1\0\1\0", "ico"),
        (b"\xff\x0a\xfa\x7f", "jxl"),
        (b"8BPS\0\1", "psd"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    ],
)
def test_other_image_formats_are_named_but_not_accepted(head: bytes, name: str) -> None:
    assert sniff(head) is None
    assert sniff_unsupported(head) == name


def test_an_avif_that_calls_itself_a_general_heif_is_an_avif() -> None:
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif\0\0\0\0") == "avif"
