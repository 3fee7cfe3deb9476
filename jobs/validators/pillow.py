"""The one way validators use Pillow: warnings recorded, bombs refused, global state restored."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import Image

#: Formats that are accepted, by the name that sniffing gives them, and Pillow's name of each. Only the sniffed one
#: is offered to Pillow, so no other of its decoders ever sees bytes from the network.
PILLOW_NAMES: Final = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "bmp": "BMP",
    "tiff": "TIFF",
    "avif": "AVIF",
}

# Warning filters and MAX_IMAGE_PIXELS belong to the whole process: two threads must not change them at once.
_lock = threading.RLock()


@contextmanager
def guarded(max_pixels: int, *, refuse_bombs: bool = True) -> Iterator[list[warnings.WarningMessage]]:
    """Run Pillow with its warnings collected and its pixel limit set.

    Args:
        max_pixels: a picture or frame above it raises ``Image.DecompressionBombWarning`` as an error.
        refuse_bombs: False leaves the limit to the caller (for reading headers).

    Yields:
        The warnings so far; none of them is printed.
    """
    with _lock, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels if refuse_bombs else None
        try:
            yield caught
        finally:
            Image.MAX_IMAGE_PIXELS = before
