"""Perceptual hashes of 64 bits, as the ``imagehash`` package computes them (median distance 0, at most 5 seen).

Sources: imagehash 4 (``phash`` with hash_size 8 and highfreq_factor 4, ``dhash`` with hash_size 8); D. Monga and
B. Evans for the idea of hashing low frequencies. Thumbnails are made with Lanczos: with area averaging a dhash is
13 bits off (PERFORMANCE.md).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE: Final = 8
_SAMPLES: Final = 32
# The first 8 rows of the type-II discrete cosine transform of 32 samples, not normalised.
_DCT: Final = 2 * np.cos(np.pi * np.arange(_SIDE)[:, None] * (2 * np.arange(_SAMPLES) + 1)[None, :] / (2 * _SAMPLES))


def phash(gray: NDArray[np.uint8]) -> int:
    """Return the 64-bit hash of the lowest 8 × 8 frequencies: each above their median or not.

    Args:
        gray: brightness, rows × columns, of any size.
    """
    # Averaging down to three samples per result first halves the time and leaves the distance to the full Lanczos
    # as it was (mean 0.86 bits over 450 photographs). The dhash does not bear it.
    small = Image.fromarray(gray).resize((_SAMPLES, _SAMPLES), Image.Resampling.LANCZOS, reducing_gap=3)
    pixels = np.asarray(small, dtype=np.float64)
    low = _DCT @ pixels @ _DCT.T
    return _to_int(low > np.median(low))


def dhash(gray: NDArray[np.uint8]) -> int:
    """Return the 64-bit hash of 8 × 8 differences between horizontal neighbours.

    Args:
        gray: brightness, rows × columns, of any size.
    """
    pixels = np.asarray(Image.fromarray(gray).resize((_SIDE + 1, _SIDE), Image.Resampling.LANCZOS))
    return _to_int(pixels[:, 1:] > pixels[:, :-1])


def distance(one: int, other: int) -> int:
    """Return how many bits of two hashes differ."""
    return (one ^ other).bit_count()


def to_hex(value: int) -> str:
    """Write a hash as 16 hexadecimal digits (JSON numbers cannot hold 64 bits everywhere)."""
    return f"{value:016x}"


def from_hex(text: str) -> int:
    """Read what ``to_hex`` wrote.

    Raises:
        ValueError: not 16 hexadecimal digits.
    """
    if len(text) != 16:
        raise ValueError(f"a hash has 16 hexadecimal digits, not {text!r}")
    return int(text, 16)


def _to_int(bits: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
