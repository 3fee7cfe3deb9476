"""Pictures for tests: variants of the photographs under tests/data/photos, and files that are broken on purpose.

Everything is made from a seed, so the same call gives the same bytes on the same version of Pillow. As a script it
writes them into a folder::

    python -m tests.images FOLDER --photos 20 --seed 1
"""

from __future__ import annotations

import argparse
import io
import random
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFilter

DATA = Path(__file__).parent / "data"
FORMATS = ("jpeg", "jpeg", "jpeg", "png", "webp")
_EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}


class Picture(NamedTuple):
    """A whole, distinct picture: a file name that fits its format, the format's sniffed name, and the bytes."""

    name: str
    format: str
    data: bytes


@cache
def photos() -> tuple[Image.Image, ...]:
    """Return the photographs in RGB, by file name."""
    return tuple(Image.open(path).convert("RGB") for path in sorted((DATA / "photos").glob("*.jpg")))


def encode(image: Image.Image, kind: str = "jpeg", **options: object) -> bytes:
    """Return the image as a file of that format, with options as ``Image.save`` takes them."""
    buffer = io.BytesIO()
    image.save(buffer, kind.upper(), **options)
    return buffer.getvalue()


def photo_variants(
    count: int, seed: int, *, formats: tuple[str, ...] = FORMATS, enlarge: float = 1.0
) -> Iterator[Picture]:
    """Make distinct pictures by cropping, mirroring and encoding the photographs.

    Args:
        count: how many.
        seed: the same seed gives the same pictures.
        formats: drawn from with equal chances; a repeated one is more likely.
        enlarge: factor on width and height (the crops are 150 to 640 pixels wide).
    """
    chance = random.Random(seed)
    seen: set[bytes] = set()
    while len(seen) < count:
        photo = chance.choice(photos())
        width, height = (round(side * chance.uniform(0.5, 1.0)) for side in photo.size)
        left, top = chance.randint(0, photo.width - width), chance.randint(0, photo.height - height)
        crop = photo.crop((left, top, left + width, top + height))
        if chance.random() < 0.5:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if enlarge != 1.0:
            crop = crop.resize((round(width * enlarge), round(height * enlarge)), Image.Resampling.BICUBIC)
        kind = chance.choice(formats)
        data = _encode_variant(crop, kind, chance)
        if data in seen:
            continue
        seen.add(data)
        yield Picture(f"{len(seen) - 1:06d}.{_EXTENSIONS[kind]}", kind, data)


def _encode_variant(image: Image.Image, kind: str, chance: random.Random) -> bytes:
    if kind == "jpeg":
        if chance.random() < 0.1:
            image = image.convert("L")
        return encode(image, kind, quality=chance.randint(70, 92), progressive=chance.random() < 0.15)
    if kind == "webp":
        return encode(image, kind, quality=chance.randint(60, 90), method=0)
    return encode(image, kind, compress_level=1)


def broken_images(seed: int = 1) -> dict[str, bytes]:
    """Make one file of every fault that a crawl meets, by file name; each name's extension is the one it claims.

    Whole pictures that only look odd (dark, blurry, panorama …) are among them.
    """
    return dict(_broken_images(seed))


@cache
def _broken_images(seed: int) -> dict[str, bytes]:
    chance = random.Random(seed)
    photo = chance.choice(photos()[:4]).resize((400, 300), Image.Resampling.LANCZOS)
    jpeg, png = encode(photo, quality=85), encode(photo, "png")
    frames = [photo.resize((120, 90)).rotate(angle) for angle in (0, 15, 30)]
    sequence = {"save_all": True, "append_images": frames[1:], "duration": 100}
    return {
        **_cut(photo, jpeg, png),
        **_damaged(jpeg, png, chance),
        **_bombs(photo, jpeg),
        "empty.jpg": b"",
        "one_byte.jpg": b"\xff",
        "html.jpg": b"<!DOCTYPE html><html><body><h1>403 Forbidden</h1>" + b"<p>No hotlinking.</p>" * 10 + b"</body>",
        "svg.png": b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><rect width="9"/></svg>' * 2,
        "noise.jpg": chance.randbytes(5000),
        "png_inside.jpg": png,
        "jpeg_inside.png": jpeg,
        "tiny.png": encode(photo.resize((8, 8)), "png"),
        "blank.jpg": encode(Image.new("RGB", (400, 300), (90, 120, 200))),
        "blank.png": encode(Image.new("RGB", (400, 300), "white"), "png"),
        "transparent.png": encode(_with_alpha(photo, 0), "png"),
        "animated.gif": encode(frames[0], "gif", **sequence),
        "animated.webp": encode(frames[0], "webp", **sequence),
        "animated.png": encode(frames[0], "png", **sequence),
        "pages.tiff": encode(frames[0], "tiff", save_all=True, append_images=frames[1:]),
        "cmyk.jpg": encode(photo.convert("CMYK")),
        "sixteen_bit.png": encode(photo.convert("L").convert("I;16").point(lambda value: value * 200), "png"),
        "bilevel.png": encode(photo.convert("1"), "png"),
        "dark.jpg": encode(photo.point(lambda value: value // 8)),
        "light.jpg": encode(photo.point(lambda value: 236 + value // 13)),
        "gray_fog.jpg": encode(photo.point(lambda value: 118 + value // 14)),
        "blurry.jpg": encode(photo.filter(ImageFilter.GaussianBlur(9))),
        "panorama.jpg": encode(photo.resize((900, 160))),
        "logo.png": encode(_logo(), "png"),
    }


def whole_images(seed: int = 1) -> dict[str, bytes]:
    """Make pictures of every format and colour mode that have no fault, by file name."""
    return dict(_whole_images(seed))


@cache
def _whole_images(seed: int) -> dict[str, bytes]:
    photo = random.Random(seed).choice(photos()[:4]).resize((240, 180), Image.Resampling.LANCZOS)
    return {
        "baseline.jpg": encode(photo),
        "progressive.jpg": encode(photo, progressive=True),
        "gray.jpg": encode(photo.convert("L")),
        "gray_progressive.jpg": encode(photo.convert("L"), progressive=True),
        "restarts.jpg": encode(photo, restart_marker_blocks=8),
        "no_subsampling.jpg": encode(photo, subsampling="4:4:4"),
        "rgb_coded.jpg": encode(photo, keep_rgb=True),
        "long_header.jpg": encode(photo, icc_profile=bytes(150_000)),
        "arithmetic.jpg": (DATA / "arithmetic.jpg").read_bytes(),
        "odd_sampling.jpg": (DATA / "odd_sampling.jpg").read_bytes(),
        "true_colour.png": encode(photo, "png"),
        "gray.png": encode(photo.convert("L"), "png"),
        "palette.png": encode(photo.quantize(64), "png"),
        "alpha.png": encode(_with_alpha(photo, 200), "png"),
        "glyph.png": encode(_glyph(), "png"),
        "lossy.webp": encode(photo, "webp"),
        "lossless.webp": encode(photo, "webp", lossless=True),
        "alpha.webp": encode(_with_alpha(photo, 200), "webp"),
        "plain.gif": encode(photo, "gif"),
        "plain.bmp": encode(photo, "bmp"),
        "plain.tiff": encode(photo, "tiff"),
        "packed.tiff": encode(photo, "tiff", compression="tiff_lzw"),
        "plain.avif": encode(photo, "avif"),
        "checkerboard.png": encode(_checkerboard(), "png"),
        "checkerboard.jpg": encode(_checkerboard(), quality=95),
    }


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk with its right checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_jpeg_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Return a JPEG whose frame header claims another size."""
    start = max(jpeg.find(b"\xff\xc0\x00\x11"), jpeg.find(b"\xff\xc2\x00\x11"))
    return jpeg[: start + 5] + struct.pack(">HH", height, width) + jpeg[start + 9 :]


def _cut(photo: Image.Image, jpeg: bytes, png: bytes) -> dict[str, bytes]:
    progressive, webp = encode(photo, progressive=True), encode(photo, "webp")
    gif, tiff = encode(photo, "gif"), encode(photo, "tiff", compression="tiff_lzw")
    return {
        "cut.jpg": jpeg[: len(jpeg) * 6 // 10],
        "cut_in_header.jpg": jpeg[:150],
        "cut_two_bytes.jpg": jpeg[:-2],
        "cut_progressive.jpg": progressive[: len(progressive) // 2],
        "cut.png": png[: len(png) // 2],
        "cut_end_chunk.png": png[:-12],
        "cut.webp": webp[: len(webp) // 2],
        "cut.gif": gif[: len(gif) // 2],
        "cut.tiff": tiff[: len(tiff) // 2],
        "cut.bmp": encode(photo, "bmp")[:100_000],
        "cut.avif": encode(photo, "avif")[:-500],
    }


def _damaged(jpeg: bytes, png: bytes, chance: random.Random) -> dict[str, bytes]:
    scan = jpeg.find(b"\xff\xda") + 20
    middle = (scan + len(jpeg)) // 2
    pixels = png.find(b"IDAT") + chance.randint(100, 1000)
    return {
        # A restart marker where none belongs: what a block of a foreign file in the middle looks like.
        "overwritten.jpg": jpeg[:middle] + b"\xff\xd3" + chance.randbytes(14) + jpeg[middle + 16 :],
        "no_tables.jpg": jpeg.replace(b"\xff\xdb", b"\xff\xfe"),
        "flipped_bits.png": png[:pixels] + bytes([png[pixels] ^ 0x55]) + png[pixels + 1 :],
        "flipped_header.png": png[:18] + bytes([png[18] ^ 1]) + png[19:],
        "foreign_stream.png": png[:33] + png_chunk(b"IDAT", b"\x78\x9c" + chance.randbytes(500)) + png[-12:],
        "lying_height.jpg": with_jpeg_size(jpeg, 400, 900),
        "no_pixels.png": png[:33] + png[-12:],
        "header_only.gif": b"GIF89a" + struct.pack("<HHBBB", 200, 200, 0, 0, 0) + bytes(100),
        "no_frame.webp": b"RIFF" + struct.pack("<I", 4000) + b"WEBPVP8 " + bytes(4000),
    }


def _bombs(photo: Image.Image, jpeg: bytes) -> dict[str, bytes]:
    zeros = zlib.compress(bytes(1_000_000), 9)
    huge = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)) + png_chunk(b"IDAT", zeros)
    small = encode(photo.resize((80, 60)), "png")
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9))
    gif = encode(photo.resize((80, 60)), "gif")
    frame = gif.rindex(b"\x2c\0\0\0\0" + struct.pack("<HH", 80, 60))
    progressive = encode(photo, progressive=True)
    last = progressive.rindex(b"\xff\xda")
    still = Image.new("L", (64, 64))
    many = [still.point(lambda _, value=number % 251: value) for number in range(600)]
    return {
        "bomb.png": b"\x89PNG\r\n\x1a\n" + huge + png_chunk(b"IEND", b""),
        "bomb_in_text.png": small[:33] + text + small[33:],
        "bomb.jpg": with_jpeg_size(jpeg, 65_000, 65_000),
        "bomb_scans.jpg": progressive[:last] + progressive[last:-2] * 300 + progressive[-2:],
        "bomb_frame.gif": gif[: frame + 5] + struct.pack("<HH", 60_000, 60_000) + gif[frame + 9 :],
        "bomb.bmp": b"BM"
        + struct.pack("<IHHI", 200, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0)
        + bytes(100),
        "bomb_frames.png": encode(many[0], "png", save_all=True, append_images=many[1:], duration=10),
    }


def _with_alpha(photo: Image.Image, alpha: int) -> Image.Image:
    image = photo.copy()
    image.putalpha(alpha)
    return image


def _logo() -> Image.Image:
    image = Image.new("RGB", (300, 200), "white")
    image.paste((200, 0, 0), (40, 40, 120, 160))
    image.paste((0, 0, 120), (150, 60, 260, 140))
    return image


def _glyph() -> Image.Image:
    """One colour everywhere, the shape in the alpha channel alone."""
    shape = Image.new("L", (200, 200))
    shape.paste(255, (60, 20, 140, 180))
    image = Image.new("RGBA", (200, 200), (20, 20, 20, 255))
    image.putalpha(shape)
    return image


def _checkerboard() -> Image.Image:
    """Single black and white pixels: flat gray as soon as it is reduced by averaging."""
    return Image.frombytes("L", (1024, 1024), (b"\0\xff" * 512 + b"\xff\0" * 512) * 512)


def main() -> None:
    """Write pictures into a folder."""
    parser = argparse.ArgumentParser(description="Write broken files, and variants of the photographs, into a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=20, help="how many whole pictures (default 20)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, data in broken_images(options.seed).items():
        (options.folder / name).write_bytes(data)
    for picture in photo_variants(options.photos, options.seed):
        (options.folder / picture.name).write_bytes(picture.data)


if __name__ == "__main__":
    main()
