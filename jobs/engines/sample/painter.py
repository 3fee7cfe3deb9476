"""Makes the bytes of a picture from its item of the catalogue: equal items, equal bytes."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from .catalogue import Item, Kind, number
from .scenes import SCENES, Colour, Dice, Palette, hills, mix, palette, sky

CACHE_SIZE = 128  # pictures; about 70 kB each

CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}
NOT_AN_IMAGE = b"""<!doctype html>
<html lang="en"><title>Not an image</title><p>This address calls itself image/jpeg and is a page: a sample of a fault.
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """Bytes as they are served, and the type that is claimed for them (not always the true one)."""

    body: bytes
    content_type: str


@lru_cache(maxsize=CACHE_SIZE)
def paint(item: Item) -> Picture:
    """Return the picture of an item that has one.

    Raises:
        ValueError: the kind has no bytes of its own (missing, or a redirect).
    """
    if item.kind in (Kind.MISSING, Kind.MOVED, Kind.TRAP):
        raise ValueError(f"a picture of the kind {item.kind} has no bytes")
    return Picture(_bytes(item), CONTENT_TYPES[item.format])


def _bytes(item: Item) -> bytes:
    match item.kind:
        case Kind.EMPTY:
            return b""
        case Kind.NOT_AN_IMAGE:
            return NOT_AN_IMAGE
        case Kind.BLANK:
            colour = number(item.seed, "blank").to_bytes(8)
            return _encode(Image.new("RGB", item.size, (colour[0], colour[1], colour[2])), item.format)
        case Kind.ANIMATED:
            return _animation(item)
        case Kind.MISLABELLED:
            return _encode(_picture(item), "png")
        case Kind.RECODED:
            return _encode(_picture(item), "jpg", quality=62)
        case Kind.CROPPED:
            image = _picture(item)
            width, height = image.size
            return _encode(image.crop((width // 50, height // 50, width - width // 40, height - height // 40)), "jpg")
        case Kind.TRUNCATED:
            body = _encode(_picture(item), "jpg")
            return body[: len(body) * (40 + number(item.seed, "cut") % 40) // 100]
        case Kind.BLURRED:
            return _encode(_picture(item).filter(ImageFilter.GaussianBlur(9)), "jpg")
        case Kind.DARK:
            return _encode(ImageEnhance.Brightness(_picture(item)).enhance(0.09), "jpg")
        case Kind.FADED:
            grey = Image.new("RGB", item.size, (128, 128, 128))
            return _encode(Image.blend(grey, _picture(item), 0.06), "jpg")
        case _:
            return _encode(_picture(item), item.format)


def _picture(item: Item) -> Image.Image:
    """Return the painted scene of an item, caption and all."""
    if item.kind in (Kind.TINY, Kind.BANNER):
        return _scene(item.seed, item.keyword, item.size, with_caption=item.kind is Kind.BANNER)
    return _scene(item.seed, item.keyword, item.size, with_caption=True)


def _scene(seed: str, keyword: str, size: tuple[int, int], *, with_caption: bool) -> Image.Image:
    dice = Dice(seed)
    colours = palette(keyword, dice)
    wide = size[0] > 4 * size[1]
    # Tiny pictures are large ones made small; a banner is cut from the middle of its own canvas.
    canvas = sky((size[0] * 2, size[1] * 2) if min(size) >= 96 else (640, 480), colours)
    scene = hills if wide else SCENES[dice.pick(len(SCENES))]
    scene(canvas, colours, dice)
    image = canvas.reduce(2) if min(size) >= 96 else canvas.resize(size, Image.Resampling.BILINEAR)
    if with_caption:
        _caption(image, keyword, seed, colours)
        image = _grain(image, dice)
    return image


def _caption(image: Image.Image, keyword: str, seed: str, colours: Palette) -> None:
    """Write the keyword on a band at the lower edge, with a number that makes each picture recognisable."""
    width, height = image.size
    words = caption_text(keyword)
    mark = f"{number(seed) % 1_000_000:06d}"
    band = max(height // 8, 30)
    pen = ImageDraw.Draw(image, "RGBA")
    ink: Colour = (250, 250, 248)
    pen.rectangle((0, height - band, width, height), fill=(*mix(colours.near, (12, 12, 16), 0.55), 205))
    pen.rectangle((0, height - band, width, height - band + max(band // 16, 2)), fill=colours.accent)
    small = _font(max(band // 4, 10))
    pen.text((width - band // 3, height - band * 0.46), mark, font=small, fill=(*ink, 150), anchor="rm")
    room = width - band // 3 - small.getlength(mark) - band * 0.7
    points = band * 0.52
    font = _font(round(points))
    if (length := font.getlength(words)) > room:
        font = _font(max(round(points * room / length), 7))
    pen.text((band // 3, height - band * 0.46), words, font=font, fill=ink, anchor="lm")


def caption_text(keyword: str) -> str:
    """Return the keyword in letters that Pillow's own font has: accents and foreign letters become plain or go.

    The own font, and not one of the system: the same picture must come out on every machine.
    """
    plain = unicodedata.normalize("NFKD", keyword).encode("ascii", "ignore").decode()
    return " ".join(plain.split())[:60]


@lru_cache(maxsize=64)
def _font(points: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(points)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; install one of its wheels")
    return font


@lru_cache(maxsize=1)
def _noise() -> Image.Image:
    """Return a tile of fine grain around middle grey, larger than any picture."""
    dice = Dice("grain")
    row = bytes(int(128 + (dice.roll() + dice.roll() - 1) * 9) for _ in range(256 * 256))
    patch = Image.frombytes("L", (256, 256), row)
    tile = Image.new("L", (1280, 1024))
    for left in range(0, 1280, 256):
        for top in range(0, 1024, 256):
            tile.paste(patch, (left, top))
    return tile


def _grain(image: Image.Image, dice: Dice) -> Image.Image:
    """Return the picture with a little grain: flat areas look less printed, and as detailed as a photograph's."""
    left, top = dice.pick(256), dice.pick(256)
    tile = _noise().crop((left, top, left + image.width, top + image.height))
    return ImageChops.add(image, Image.merge("RGB", (tile, tile, tile)), 1.0, -128)


def _animation(item: Item) -> bytes:
    """Return a GIF of six frames: the lamp wanders over the hills."""
    dice = Dice(item.seed)
    colours = palette(item.keyword, dice)
    width, height = item.size
    ground = sky((width * 2, height * 2), colours)
    hills(ground, colours, dice)
    still = ground.reduce(2)
    _caption(still, item.keyword, item.seed, colours)
    frames = []
    for step in range(6):
        frame = still.copy()
        pen = ImageDraw.Draw(frame, "RGBA")
        x, y = width * (0.1 + 0.16 * step), height * (0.3 - 0.03 * (step * (5 - step)))
        for ring in range(4, -1, -1):
            reach = 9 + ring * 4
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(*colours.accent, 255 if not ring else 40))
        frames.append(frame.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=180, loop=0)
    return out.getvalue()


def _encode(image: Image.Image, form: str, *, quality: int = 88) -> bytes:
    out = io.BytesIO()
    if form == "jpg":
        image.save(out, "JPEG", quality=quality, subsampling=1)
    elif form == "png":
        image.save(out, "PNG", compress_level=1)
    elif form == "webp":
        image.save(out, "WEBP", quality=quality, method=0)
    else:
        raise ValueError(f"no encoder for {form!r}")
    return out.getvalue()
