"""Finds pictures of one job that look the same, by the distance of their perceptual hashes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

_BITS: Final = 64
_CANDIDATES_WORTH_A_LOOP: Final = 200


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """An image that looks like an earlier one.

    Attributes:
        id: the image.
        of: the smallest id among the representatives that it resembles.
        distance: differing bits between the two.
    """

    id: int
    of: int
    distance: int


def find_near_duplicates(ids: Sequence[int], hashes: Sequence[int], distance: int) -> list[NearDuplicate]:
    """Group images by hash, exactly and with memory linear in their number.

    Images are taken in the order of their ids. One that lies within ``distance`` of an earlier representative is its
    near-duplicate, any other becomes a representative itself. So the result does not depend on the order of the
    arguments, no chain of small steps joins pictures that differ, and removing all near-duplicates leaves exactly one
    of each look. Blank pictures all resemble each other: leave them out.

    Two hashes at most d bits apart agree in at least one of d + 1 slices, so only representatives with an equal slice
    are compared; where slices are too common, all of them are, by numpy.

    Args:
        ids: distinct.
        hashes: 64-bit unsigned, one per id.
        distance: bits, 0–64.

    Returns:
        Near-duplicates by ascending id.

    Raises:
        ValueError: lengths differ, ids repeat, or a number is out of range.
    """
    if len(ids) != len(hashes):
        raise ValueError(f"{len(ids)} ids and {len(hashes)} hashes")
    if len(set(ids)) != len(ids):
        raise ValueError("ids repeat")
    if not 0 <= distance <= _BITS:
        raise ValueError(f"distance must be 0 to {_BITS} bits, not {distance}")
    if hashes and not (min(hashes) >= 0 and max(hashes) < 1 << _BITS):
        raise ValueError("a hash is an unsigned number of 64 bits")
    representatives = _Representatives(len(ids), distance)
    found = []
    for position in sorted(range(len(ids)), key=ids.__getitem__):
        image, value = ids[position], hashes[position]
        match = representatives.first_within(value)
        if match is None:
            representatives.add(image, value)
        else:
            of, seen = match
            found.append(NearDuplicate(image, of, (seen ^ value).bit_count()))
    return found


class _Representatives:
    """Representatives in the order of their ids, with an index by slices."""

    def __init__(self, capacity: int, distance: int) -> None:
        self._distance = distance
        self._exact: dict[int, int] = {}
        self._ids: list[int] = []
        self._values: list[int] = []
        self._array = np.empty(capacity, dtype=np.uint64)
        self._slices = _slices(distance)
        self._index: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in self._slices]

    def add(self, image: int, value: int) -> None:
        position = len(self._ids)
        self._exact[value] = image
        self._ids.append(image)
        self._values.append(value)
        self._array[position] = value
        for (shift, mask), table in zip(self._slices, self._index, strict=True):
            table[value >> shift & mask].append(position)

    def first_within(self, value: int) -> tuple[int, int] | None:
        """Return id and hash of the first representative near enough."""
        if value in self._exact:  # it became one because no earlier one was near, so it is the first
            return self._exact[value], value
        buckets = [
            table[key]
            for (shift, mask), table in zip(self._slices, self._index, strict=True)
            if (key := value >> shift & mask) in table
        ]
        if not self._slices or sum(map(len, buckets)) > _CANDIDATES_WORTH_A_LOOP:
            return self._scan(value)
        near = [
            position
            for bucket in buckets
            for position in bucket
            if (self._values[position] ^ value).bit_count() <= self._distance
        ]
        return self._at(min(near)) if near else None

    def _scan(self, value: int) -> tuple[int, int] | None:
        differing = np.bitwise_count(self._array[: len(self._ids)] ^ np.uint64(value))
        near = np.flatnonzero(differing <= self._distance)
        return self._at(int(near[0])) if near.size else None

    def _at(self, position: int) -> tuple[int, int]:
        return self._ids[position], self._values[position]


def _slices(distance: int) -> list[tuple[int, int]]:
    """Cut 64 bits into distance + 1 parts (shift, mask); none where they would be too short to tell apart."""
    parts = distance + 1
    if _BITS // parts < 4:
        return []
    edges = [_BITS * number // parts for number in range(parts + 1)]
    return [(low, (1 << (high - low)) - 1) for low, high in pairwise(edges)]
