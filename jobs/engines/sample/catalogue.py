"""What the source has: for every (keyword, engine asked for, index) one item, decided by hashes and by nothing else.

Of every 100 consecutive indices, each kind has exactly the share that ``SHARES`` gives it; only the order is drawn.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote, urlencode

from django.conf import settings

SUPPLY = 12_500  # per keyword and engine: 10,000 new images can be had in spite of the broken ones
BLOCK = 100
PAGE_SIZE = 50
KEYWORD_MAX = 200  # characters; longer ones are not served
ENGINE_MAX = 64


class Kind(StrEnum):
    """What is special about a picture, and what it is there to show."""

    PLAIN = "plain"  # a good picture: JPEG, PNG or WebP
    SHARED = "shared"  # a good picture that every engine has, under its own address: a duplicate across engines
    DUPLICATE = "duplicate"  # the bytes of another index of the same keyword
    RECODED = "recoded"  # another picture, encoded again: a near duplicate
    CROPPED = "cropped"  # another picture, a few per cent cut off: a near duplicate
    TRUNCATED = "truncated"  # the file ends in the middle
    TINY = "tiny"  # a few pixels wide
    MISLABELLED = "mislabelled"  # PNG bytes, called .jpg and image/jpeg
    BLANK = "blank"  # one colour
    BLURRED = "blurred"
    DARK = "dark"
    FADED = "faded"  # almost no contrast
    BANNER = "banner"  # far wider than high
    ANIMATED = "animated"  # a GIF of several frames
    MISSING = "missing"  # 404
    EMPTY = "empty"  # no bytes at all
    NOT_AN_IMAGE = "not_an_image"  # HTML, called .jpg and image/jpeg
    MOVED = "moved"  # a redirect to a good picture
    TRAP = "trap"  # a redirect to an address that no fetch may follow


SHARES: dict[Kind, int] = {
    Kind.SHARED: 5,
    Kind.DUPLICATE: 4,
    Kind.RECODED: 2,
    Kind.CROPPED: 2,
    Kind.TRUNCATED: 2,
    Kind.TINY: 2,
    Kind.MISLABELLED: 2,
    Kind.BLANK: 2,
    Kind.BLURRED: 1,
    Kind.DARK: 1,
    Kind.FADED: 1,
    Kind.BANNER: 1,
    Kind.ANIMATED: 2,
    Kind.MISSING: 2,
    Kind.EMPTY: 1,
    Kind.NOT_AN_IMAGE: 1,
    Kind.MOVED: 1,
    Kind.TRAP: 1,
}  # of 100; the rest is plain

FORMATS = ("jpg",) * 8 + ("png", "webp")  # of plain and shared pictures
SIZES = ((640, 480),) * 5 + ((640, 427), (600, 600), (480, 640))


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of the source.

    Attributes:
        seed: what the painter draws from; equal seeds, formats and sizes give equal bytes.
        format: what the address claims, as its suffix: "jpg", "png", "webp", "gif".
        origin: index of the picture that this one repeats, None for one of its own.
        size: width and height in pixels, as claimed.
    """

    keyword: str
    engine: str
    index: int
    kind: Kind
    seed: str
    format: str
    size: tuple[int, int]
    origin: int | None = None

    @property
    def title(self) -> str:
        return f"{self.keyword} no. {self.index + 1}"

    @property
    def picture_path(self) -> str:
        """Path of the picture on this product's own address."""
        return self._path(self.format)

    @property
    def page_path(self) -> str:
        """Path of the page that shows the picture and its facts."""
        return self._path("html")

    def _path(self, suffix: str) -> str:
        return f"/samples/{quote(self.engine, safe='')}/{self.index}.{suffix}?{urlencode({'keyword': self.keyword})}"


def gallery_path(engine: str, keyword: str, page: int = 0) -> str:
    """Return the path of a page of the gallery; ``page`` counts from 0."""
    fields: dict[str, str | int] = {"keyword": keyword}
    if page:
        fields["page"] = page
    return f"/samples/{quote(engine, safe='')}?{urlencode(fields)}"


def absolute(path: str) -> str:
    """Return the address that a fetch can use, from ``PIXTASKS_BASE_URL``."""
    return str(settings.PIXTASKS_BASE_URL).rstrip("/") + path


def number(*parts: object) -> int:
    """Return 64 bits that depend on the parts alone: the same on every machine, in every process."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def item(keyword: str, engine: str, index: int) -> Item:
    """Return what is at that index.

    Raises:
        IndexError: the supply ends before it.
    """
    if not 0 <= index < SUPPLY:
        raise IndexError(index)
    block, place = divmod(index, BLOCK)
    kinds = _kinds(keyword, engine, block)
    kind = kinds[place]
    if kind is Kind.SHARED:
        # The n-th shared picture of a block is the same for every engine, wherever it stands.
        nth = kinds[:place].count(Kind.SHARED)
        return _own(keyword, engine, index, kind, f"{keyword}\x1fshared\x1f{block}\x1f{nth}")
    if kind in (Kind.DUPLICATE, Kind.RECODED, Kind.CROPPED, Kind.MOVED):
        first = _origin(keyword, engine, index, kinds)
        form = first.format if kind in (Kind.DUPLICATE, Kind.MOVED) else "jpg"
        return Item(keyword, engine, index, kind, first.seed, form, first.size, first.index)
    return _own(keyword, engine, index, kind, f"{keyword}\x1f{engine}\x1f{index}")


def _own(keyword: str, engine: str, index: int, kind: Kind, seed: str) -> Item:
    form = "jpg"
    size = SIZES[number(seed, "size") % len(SIZES)]
    if kind in (Kind.PLAIN, Kind.SHARED):
        form = FORMATS[number(seed, "format") % len(FORMATS)]
    elif kind is Kind.ANIMATED:
        form, size = "gif", (320, 240)
    elif kind is Kind.TINY:
        side = 8 + number(seed, "side") % 25
        size = (side, side * 3 // 4)
    elif kind is Kind.BANNER:
        size = (960, 96)
    return Item(keyword, engine, index, kind, seed, form, size)


def _origin(keyword: str, engine: str, index: int, kinds: tuple[Kind, ...]) -> Item:
    """Return the plain picture of the same block that is repeated: an earlier one where there is one."""
    block, place = divmod(index, BLOCK)
    plain = [other for other, kind in enumerate(kinds) if kind is Kind.PLAIN]
    earlier = [other for other in plain if other < place]
    choices = earlier or plain
    chosen = choices[number(keyword, engine, index, "origin") % len(choices)]
    return item(keyword, engine, block * BLOCK + chosen)


@lru_cache(maxsize=256)
def _kinds(keyword: str, engine: str, block: int) -> tuple[Kind, ...]:
    deck = [kind for kind, share in SHARES.items() for _ in range(share)]
    deck += [Kind.PLAIN] * (BLOCK - len(deck))
    # Sorting by hash, and not random.shuffle: the order must never change with the Python version.
    order = sorted(range(BLOCK), key=lambda place: number(keyword, engine, block, place))
    return tuple(deck[place] for place in order)
