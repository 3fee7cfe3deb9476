"""Figures about brightness and sharpness, made from a small gray picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LEVELS = np.arange(256, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Tones:
    """What a histogram of brightness tells.

    Attributes:
        brightness: mean, 0 (black) – 1 (white).
        deviation: standard deviation, 0–127.5 steps of 255.
        darkest: 1st percentile, 0–1.
        dark: 5th percentile, 0–1.
        brightest: 99th percentile, 0–1.
        entropy: Shannon's, bits, 0–8.
    """

    brightness: float
    deviation: float
    darkest: float
    dark: float
    brightest: float
    entropy: float

    @classmethod
    def of(cls, gray: NDArray[np.uint8]) -> Self:
        """Measure a gray picture (rows × columns, at least one pixel)."""
        counts = np.array(Image.fromarray(gray).histogram())
        share = counts / gray.size
        mean = float(share @ _LEVELS)
        variance = float(share @ (_LEVELS - mean) ** 2)
        darkest, dark, brightest = np.searchsorted(share.cumsum(), (0.01, 0.05, 0.99)).tolist()
        present = share[counts > 0]
        entropy = max(0.0, -float(present @ np.log2(present)))
        return cls(mean / 255, variance**0.5, darkest / 255, dark / 255, min(brightest, 255) / 255, entropy)

    @property
    def contrast(self) -> float:
        """Distance of the 1st and the 99th percentile, 0–1."""
        return self.brightest - self.darkest


def sharpness(gray: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian over the variance of brightness: detail against what there is to see.

    Args:
        gray: rows × columns; the figure holds for a shorter side of 128 to 255 pixels, so larger ones are thinned by
            averaging first. Smaller than 3 × 3 counts as sharp.

    Returns:
        0 for a featureless picture, about 0.05–2 for photographs, up to 20 for noise. Dividing by the variance makes
        it independent of contrast, which is an issue of its own.
    """
    if min(gray.shape) < 3:
        return 1.0
    factor = min(gray.shape) // 128
    if factor > 1:
        rows, columns = gray.shape[0] // factor, gray.shape[1] // factor
        blocks = gray[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
        pixels = blocks.mean(axis=(1, 3), dtype=np.float32)
    else:
        pixels = gray.astype(np.float32)
    inner = pixels[1:-1, 1:-1]
    edges = pixels[:-2, 1:-1] + pixels[2:, 1:-1]
    edges += pixels[1:-1, :-2]
    edges += pixels[1:-1, 2:]
    edges -= 4 * inner
    # The 1 keeps the quantisation noise of an almost flat picture from counting as detail.
    return _variance(edges) / (_variance(inner) + 1)


def _variance(values: NDArray[np.float32]) -> float:
    # Not by np.dot: the linear algebra library starts threads for it, which costs more than the sum.
    mean = float(values.mean())
    return max(0.0, float(np.square(values).mean()) - mean * mean)
