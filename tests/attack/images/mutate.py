"""A seeded mutator: the same seed and number give the same file, so that a finding can be made again."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from .corpus import corpus

_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_HEADER = 256
"""Most lies are told near the front, where sizes and tables stand. Bytes."""

Mutation = Callable[[bytearray, random.Random], bytearray]


def mutant(seed: int, number: int) -> tuple[str, bytes]:
    """Return (how it was made, bytes) of the ``number``-th file of a seed."""
    chance = random.Random(f"{seed}/{number}")
    name, data = chance.choice(corpus())
    changed = bytearray(data)
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        mutation = chance.choice(_MUTATIONS)
        changed = mutation(changed, chance)
        done.append(mutation.__name__.strip("_"))
    return f"{name}: {', '.join(done)}", bytes(changed)


def _place(data: bytearray, chance: random.Random, room: int = 1) -> int:
    end = max(1, len(data) - room)
    return chance.randrange(min(end, _HEADER) if chance.random() < 0.6 else end)


def _flip_bits(data: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if data:
            data[_place(data, chance)] ^= 1 << chance.randrange(8)
    return data


def _truncate(data: bytearray, chance: random.Random) -> bytearray:
    return data[: chance.randrange(len(data) + 1)]


def _cut_the_end(data: bytearray, chance: random.Random) -> bytearray:
    return data[: max(0, len(data) - chance.randrange(1, 64))]


def _cut_out(data: bytearray, chance: random.Random) -> bytearray:
    start = _place(data, chance)
    del data[start : start + chance.randrange(1, 200)]
    return data


def _repeat(data: bytearray, chance: random.Random) -> bytearray:
    start = _place(data, chance)
    piece = data[start : start + chance.randrange(1, 400)]
    return data[:start] + piece * chance.randrange(1, 50) + data[start:]


def _lie_about_a_length(data: bytearray, chance: random.Random) -> bytearray:
    form = chance.choice((">I", "<I", ">H", "<H", ">B"))
    size = struct.calcsize(form)
    if len(data) > size:
        value = chance.choice(_EDGES) & ((1 << 8 * size) - 1)
        struct.pack_into(form, data, _place(data, chance, size), value)
    return data


def _nudge_a_length(data: bytearray, chance: random.Random) -> bytearray:
    form = chance.choice((">I", "<I", ">H", "<H"))
    size = struct.calcsize(form)
    if len(data) > size:
        place = _place(data, chance, size)
        value = struct.unpack_from(form, data, place)[0] + chance.choice((-2, -1, 1, 2, 16, -16))
        struct.pack_into(form, data, place, value & ((1 << 8 * size) - 1))
    return data


def _fill(data: bytearray, chance: random.Random) -> bytearray:
    start = _place(data, chance)
    length = min(chance.randrange(1, 300), len(data) - start)
    data[start : start + length] = bytes([chance.choice((0, 0xFF, 0x20))]) * length
    return data


def _scramble(data: bytearray, chance: random.Random) -> bytearray:
    start = _place(data, chance)
    length = min(chance.randrange(1, 100), len(data) - start)
    data[start : start + length] = chance.randbytes(length)
    return data


def _nest_another_file(data: bytearray, chance: random.Random) -> bytearray:
    _, other = chance.choice(corpus())
    start = _place(data, chance)
    return data[:start] + other + data[start:]


def _graft_another_end(data: bytearray, chance: random.Random) -> bytearray:
    _, other = chance.choice(corpus())
    return data[: _place(data, chance)] + other[chance.randrange(len(other)) :]


def _append_rubbish(data: bytearray, chance: random.Random) -> bytearray:
    return data + chance.randbytes(chance.randrange(1, 2000))


_MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits, _flip_bits, _truncate, _cut_the_end, _cut_out, _repeat, _lie_about_a_length, _lie_about_a_length,
    _nudge_a_length, _fill, _scramble, _nest_another_file, _graft_another_end, _append_rubbish,
)  # fmt: skip
