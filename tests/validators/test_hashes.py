"""The hashes are those of imagehash, and near-duplicates are found exactly."""

from __future__ import annotations

import io
import math
import random
import statistics

import numpy as np
import pytest
from PIL import Image

from jobs.validators import NearDuplicate, Subject, Thresholds, find_near_duplicates, validators
from jobs.validators.hashes import dhash, distance, from_hex, phash, to_hex
from tests.images import encode, photo_variants, photos


def imagehash_phash(image: Image.Image) -> int:
    """The definition, written out: the full type-II transform of 32 × 32 Lanczos samples, sums in plain Python."""
    pixels = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    steps = range(32)

    def transform(values: np.ndarray) -> list[float]:
        return [2 * math.fsum(values[n] * math.cos(math.pi * k * (2 * n + 1) / 64) for n in steps) for k in range(8)]

    columns = [transform(pixels[:, column]) for column in steps]
    low = [transform(np.array([columns[column][row] for column in steps])) for row in range(8)]
    flat = [value for row in low for value in row]
    middle = statistics.median(flat)
    return int("".join("1" if value > middle else "0" for value in flat), 2)


def imagehash_dhash(image: Image.Image) -> int:
    small = image.convert("L").resize((9, 8), Image.Resampling.LANCZOS)
    bits = [small.getpixel((x + 1, y)) > small.getpixel((x, y)) for y in range(8) for x in range(8)]
    return int("".join("1" if bit else "0" for bit in bits), 2)


def test_hashes_agree_with_imagehash_on_the_full_picture() -> None:
    apart: dict[str, list[int]] = {"phash": [], "dhash": []}
    for picture in photo_variants(40, seed=11, enlarge=1.5):
        measured = validators["slow"].check(Subject.of_bytes(picture.data), Thresholds()).measurements
        with Image.open(io.BytesIO(picture.data)) as image:
            image.load()
        for name, reference in (("phash", imagehash_phash), ("dhash", imagehash_dhash)):
            apart[name].append(distance(from_hex(str(measured[name])), reference(image)))
    for distances in apart.values():
        assert statistics.median(distances) <= 1
        assert sorted(distances)[37] <= 4
        assert max(distances) <= 8


def test_hashes_of_a_small_gray_picture_are_exactly_those_of_imagehash() -> None:
    for photo in photos():
        small = photo.convert("L").resize((60, 50))
        assert phash(np.asarray(small)) == imagehash_phash(small)
        assert dhash(np.asarray(small)) == imagehash_dhash(small)


def test_a_re_encoded_picture_keeps_its_hashes_and_another_one_has_others() -> None:
    hashes = [phash(np.asarray(photo.convert("L"))) for photo in photos()]
    for photo, value in zip(photos(), hashes, strict=True):
        data = encode(photo.resize((photo.width * 2 // 3, photo.height * 2 // 3)), quality=40)
        again = validators["slow"].check(Subject.of_bytes(data), Thresholds()).measurements["phash"]
        assert distance(value, from_hex(str(again))) <= 4
    assert min(distance(one, other) for one in hashes for other in hashes if one != other) > 10


def test_hashes_travel_as_sixteen_hexadecimal_digits() -> None:
    for value in (0, 1, 2**63, 2**64 - 1):
        assert from_hex(to_hex(value)) == value
        assert len(to_hex(value)) == 16
    with pytest.raises(ValueError, match="16"):
        from_hex("abc")


def brute_force(ids: list[int], hashes: list[int], bits: int) -> list[NearDuplicate]:
    representatives: list[tuple[int, int]] = []
    found = []
    for image, value in sorted(zip(ids, hashes, strict=True)):
        near = [(of, seen) for of, seen in representatives if distance(seen, value) <= bits]
        if near:
            of, seen = min(near)
            found.append(NearDuplicate(image, of, distance(seen, value)))
        else:
            representatives.append((image, value))
    return found


@pytest.mark.parametrize("bits", [0, 1, 4, 8, 15, 20, 64])
@pytest.mark.parametrize("crowded", [False, True])
def test_near_duplicates_are_those_of_comparing_all_with_all(bits: int, crowded: bool) -> None:
    chance = random.Random(bits)
    centres = [chance.getrandbits(64) for _ in range(3 if crowded else 80)]
    hashes = []
    for _ in range(500):
        value = chance.choice(centres)
        for _ in range(chance.randint(0, 9)):
            value ^= 1 << chance.randrange(64)
        hashes.append(value)
    ids = chance.sample(range(10_000), 500)
    found = find_near_duplicates(ids, hashes, bits)
    assert found == brute_force(ids, hashes, bits)
    assert found


def test_no_chain_of_small_steps_joins_what_differs() -> None:
    assert find_near_duplicates([3, 1, 2], [0b1111, 0b0000, 0b0011], 2) == [NearDuplicate(2, 1, 2)]


def test_the_smallest_id_is_kept_and_every_other_names_it() -> None:
    assert find_near_duplicates([30, 10, 20], [7, 7, 6], 1) == [NearDuplicate(20, 10, 1), NearDuplicate(30, 10, 0)]
    assert find_near_duplicates([], [], 4) == []


def test_a_hundred_thousand_hashes_are_within_reach() -> None:
    chance = random.Random(2)
    count = 100_000
    hashes = [chance.getrandbits(64) for _ in range(count - 1000)]
    hashes += [value ^ 1 << chance.randrange(64) for value in hashes[:1000]]
    found = find_near_duplicates(range(count), hashes, 4)
    assert [(item.id, item.of) for item in found] == [(count - 1000 + n, n) for n in range(1000)]


def test_arguments_that_make_no_sense_are_refused() -> None:
    for ids, hashes, bits in (([1], [], 4), ([1, 1], [2, 3], 4), ([1], [2], 65), ([1], [-2], 4), ([1], [1 << 64], 4)):
        with pytest.raises(ValueError):
            find_near_duplicates(ids, hashes, bits)
