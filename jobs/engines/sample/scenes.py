"""What the painter paints: a few scenes, each a function of a canvas, a palette and a stream of random numbers.

Scenes draw at twice the final size; the painter halves the canvas, which smooths every edge at little cost.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from .catalogue import number

Colour = tuple[int, int, int]

# Pairs of hues that go together, in turns: of sky and ground, and of lights and accents.
HUES = (
    (0.62, 0.09), (0.48, 0.05), (0.75, 0.11), (0.92, 0.54), (0.99, 0.11), (0.07, 0.56), (0.37, 0.13), (0.43, 0.95),
    (0.55, 0.02), (0.70, 0.90), (0.80, 0.48), (0.86, 0.10), (0.58, 0.93), (0.03, 0.49), (0.66, 0.15), (0.95, 0.09),
)  # fmt: skip


class Dice:
    """Random numbers from a seed: 64 bits of a hash each, so the same on every Python version."""

    def __init__(self, seed: str) -> None:
        self._seed = number(seed, "dice")
        self._count = 0

    def roll(self) -> float:
        """Return a number of [0, 1). SplitMix64 (Steele, Lea, Flood 2014)."""
        self._count += 1
        z = (self._seed + self._count * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.roll()

    def pick(self, count: int) -> int:
        return int(self.roll() * count)


def hls(hue: float, light: float, colourful: float) -> Colour:
    """Return the RGB colour of a hue (turns), lightness and saturation (0 to 1)."""
    red, green, blue = colorsys.hls_to_rgb(hue % 1, min(max(light, 0), 1), min(max(colourful, 0), 1))
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that lies ``share`` of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a picture: two of the sky, the lamp (sun, moon, light), the ground far and near, an accent."""

    top: Colour
    bottom: Colour
    lamp: Colour
    far: Colour
    near: Colour
    accent: Colour
    night: bool


def palette(keyword: str, dice: Dice) -> Palette:
    """Return colours that tell the keyword (its hue and its contrast hue) and vary with the hour of the picture."""
    hue, other = HUES[number(keyword.casefold(), "hue") % len(HUES)]
    shade = number(keyword.casefold(), "shade") % 97 / 97 * 0.04 - 0.02
    hue, other = hue + shade, other - shade
    drift = dice.between(-0.02, 0.02)
    hour = dice.pick(4)
    if hour == 0:  # morning
        return Palette(
            hls(hue + drift, 0.62, 0.5), hls(other, 0.88, 0.75), hls(other, 0.95, 0.9),
            hls(hue, 0.70, 0.35), hls(hue, 0.20, 0.45), hls(other, 0.60, 0.80), night=False,
        )  # fmt: skip
    if hour == 1:  # noon
        return Palette(
            hls(hue + drift, 0.46, 0.62), hls(hue + 0.04, 0.84, 0.70), hls(other, 0.90, 0.95),
            hls(hue + 0.03, 0.62, 0.45), hls(hue - 0.03, 0.23, 0.50), hls(other, 0.55, 0.85), night=False,
        )  # fmt: skip
    if hour == 2:  # evening
        return Palette(
            hls(hue + drift, 0.28, 0.55), hls(other, 0.66, 0.85), hls(other + 0.03, 0.85, 0.95),
            hls(hue + 0.02, 0.46, 0.42), hls(hue, 0.12, 0.50), hls(other, 0.62, 0.90), night=False,
        )  # fmt: skip
    return Palette(
        hls(hue + drift, 0.10, 0.60), hls(hue + 0.05, 0.40, 0.55), hls(other, 0.92, 0.60),
        hls(hue + 0.02, 0.32, 0.45), hls(hue, 0.06, 0.50), hls(other, 0.65, 0.85), night=True,
    )  # fmt: skip


def sky(size: tuple[int, int], colours: Palette) -> Image.Image:
    """Return a canvas with a soft vertical gradient."""
    width, height = size
    strip = Image.new("RGB", (1, 32))
    for row in range(32):
        strip.putpixel((0, row), mix(colours.top, colours.bottom, (row / 31) ** 1.3))
    return strip.resize((1, height), Image.Resampling.BICUBIC).resize((width, height), Image.Resampling.NEAREST)


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


@lru_cache(maxsize=1)
def _halo() -> Image.Image:
    """Return a round mask, brightest in its middle."""
    # Its level at the middle of an edge is 181.
    return Image.radial_gradient("L").point([max(0, 181 - level) ** 2 * 160 // 181**2 for level in range(256)])


def _lamp(canvas: Image.Image, x: float, y: float, radius: float, colours: Palette) -> None:
    reach = round(min(radius * 3.4, radius + 160))
    # Pasting a mask takes a tenth of the time of drawing translucent rings, and shows none.
    mask = _halo().resize((2 * reach, 2 * reach), Image.Resampling.BILINEAR)
    canvas.paste(colours.lamp, (round(x) - reach, round(y) - reach), mask)
    _disc(ImageDraw.Draw(canvas), x, y, radius, colours.lamp)


def _stars(pen: ImageDraw.ImageDraw, width: float, height: float, dice: Dice, colours: Palette) -> None:
    for _ in range(90):
        x, y, radius = dice.roll() * width, dice.roll() ** 1.4 * height, dice.between(0.8, 2.6)
        _disc(pen, x, y, radius, mix(colours.top, (255, 255, 255), dice.between(0.35, 0.95)))


def _ridge(width: int, base: float, rise: float, rough: float, dice: Dice) -> list[tuple[float, float]]:
    """Return the points of a skyline: waves of growing frequency, and a jagged part of the given roughness."""
    waves = [(rise / (n + 1), (n + 0.6) * dice.between(0.7, 1.3), dice.roll() * math.tau) for n in range(4)]
    points = []
    for x in range(0, width + 16, 16):
        at = x / width * math.tau
        y = sum(high * math.sin(often * at + phase) for high, often, phase in waves)
        points.append((float(x), base + y * 0.5 + (dice.roll() - 0.5) * rough))
    return points


def _tree(pen: ImageDraw.ImageDraw, x: float, foot: float, high: float, fill: Colour) -> None:
    pen.rectangle((x - high * 0.03, foot - high * 0.2, x + high * 0.03, foot + 8), fill=fill)
    for tier in range(3):
        top, wide = foot - high * (1 - tier * 0.22), high * (0.14 + tier * 0.07)
        pen.polygon(((x, top), (x - wide, top + high * 0.38), (x + wide, top + high * 0.38)), fill=fill)


def _birds(pen: ImageDraw.ImageDraw, width: int, height: int, dice: Dice, fill: Colour) -> None:
    x, y = dice.between(0.15, 0.8) * width, dice.between(0.12, 0.3) * height
    for _ in range(3 + dice.pick(5)):
        left, top, span = x + dice.between(-150, 150), y + dice.between(-60, 60), dice.between(12, 26)
        wing = span * 0.55
        pen.polygon(((left - span, top - wing), (left - span * 0.4, top - wing * 0.9), (left, top), (left, top + 4),
                     (left - span * 0.45, top - wing * 0.45)), fill=fill)  # fmt: skip
        pen.polygon(((left + span, top - wing), (left + span * 0.4, top - wing * 0.9), (left, top), (left, top + 4),
                     (left + span * 0.45, top - wing * 0.45)), fill=fill)  # fmt: skip


def hills(canvas: Image.Image, colours: Palette, dice: Dice) -> None:
    """Ridges behind ridges, each nearer one darker, with trees on the nearest."""
    width, height = canvas.size
    pen = ImageDraw.Draw(canvas)
    if colours.night:
        _stars(pen, width, height * 0.6, dice, colours)
    _lamp(canvas, dice.between(0.15, 0.85) * width, dice.between(0.18, 0.42) * height, dice.between(36, 84), colours)
    if not colours.night:
        _birds(pen, width, height, dice, mix(colours.near, colours.top, 0.25))
    layers = 4 + dice.pick(2)
    rough = dice.between(4, 34)
    for layer in range(layers):
        depth = layer / (layers - 1)
        base = height * (0.46 + 0.40 * depth)
        fill = mix(colours.far, colours.near, depth**1.2)
        points = _ridge(width, base, height * (0.20 - 0.10 * depth), rough * (1 - depth * 0.7), dice)
        pen.polygon([(0, height), *points, (width, height)], fill=fill)
        if depth >= 0.6:
            step = 10 if depth < 1 else 15
            for _ in range(26 if depth < 1 else 22):
                x, foot = points[dice.pick(len(points))]
                _tree(pen, x + dice.between(-9, 9), foot + 6, dice.between(3, 7.5) * step * (0.7 + depth / 2), fill)


def city(canvas: Image.Image, colours: Palette, dice: Dice) -> None:
    """Rows of houses with lit windows."""
    width, height = canvas.size
    pen = ImageDraw.Draw(canvas)
    if colours.night:
        _stars(pen, width, height * 0.5, dice, colours)
    _lamp(canvas, dice.between(0.15, 0.85) * width, dice.between(0.18, 0.35) * height, dice.between(40, 90), colours)
    for row in range(3):
        depth = row / 2
        fill = mix(colours.far, colours.near, depth)
        lit = mix(fill, colours.lamp if row == 2 else colours.accent, 0.35 + 0.6 * depth)
        x = -dice.roll() * 60
        while x < width:
            wide = dice.between(70, 150) * (0.75 + 0.35 * depth)
            top = height * (dice.between(0.36, 0.62) + 0.15 * depth)
            pen.rectangle((x, top, x + wide, height), fill=fill)
            roof = dice.pick(4)
            if roof == 0:
                pen.polygon(((x, top), (x + wide / 2, top - wide * 0.35), (x + wide, top)), fill=fill)
            elif roof == 1:
                pen.rectangle((x + wide * 0.47, top - wide * 0.6, x + wide * 0.53, top), fill=fill)
            elif roof == 2:
                pen.rectangle((x + wide * 0.2, top - 22, x + wide * 0.6, top), fill=fill)
            if row:
                pane = 11 + 3 * row
                for left in range(int(x + pane), int(x + wide - pane * 1.5), pane * 2):
                    for upper in range(int(top + pane), int(height * 0.97), int(pane * 2.4)):
                        if dice.roll() < 0.42:
                            pen.rectangle((left, upper, left + pane, upper + pane * 1.3), fill=lit)
            x += wide + dice.between(0, 26) * (1 - depth)


def sea(canvas: Image.Image, colours: Palette, dice: Dice) -> None:
    """A low sun over water, its path of light, a few sails."""
    width, height = canvas.size
    pen = ImageDraw.Draw(canvas)
    if colours.night:
        _stars(pen, width, height * 0.5, dice, colours)
    line = height * dice.between(0.5, 0.6)
    x, radius = dice.between(0.25, 0.75) * width, dice.between(70, 130)
    _lamp(canvas, x, line - radius * dice.between(-0.2, 1.1), radius, colours)
    island = _ridge(width // 2, line - 20, 90, 14, dice)
    shift = dice.pick(2) * width // 2
    coast = [(px + shift, min(py, line + 4)) for px, py in island]
    pen.polygon([(coast[0][0], line + 4), *coast, (coast[-1][0], line + 4)], fill=colours.far)
    bands = 14
    for band in range(bands):
        share = band / bands
        top = line + (height - line) * share**1.35
        pen.rectangle((0, top, width, height), fill=mix(mix(colours.bottom, colours.top, 0.45), colours.near, share))
    for _ in range(190):
        far = dice.roll() ** 1.2
        y = line + (height - line) * far
        near_path = dice.roll() < 0.6
        centre = x + (dice.roll() - 0.5) * (radius * 1.5 + far * 260) if near_path else dice.roll() * width
        half = dice.between(8, 30) * (0.5 + far * 1.6)
        water = mix(mix(colours.bottom, colours.top, 0.45), colours.near, far)
        fill = mix(water, colours.lamp if near_path else colours.bottom, 0.85 if near_path else 0.22)
        pen.ellipse((centre - half, y, centre + half, y + 4 + far * 6), fill=fill)
    for _ in range(1 + dice.pick(3)):
        left, foot, high = dice.between(0.1, 0.9) * width, line + dice.between(30, 150), dice.between(60, 130)
        pen.polygon(((left, foot - high), (left, foot - 8), (left + high * 0.5, foot - 8)), fill=colours.accent)
        pen.polygon(((left - 6, foot - high * 0.85), (left - 6, foot - 8), (left - high * 0.32, foot - 8)),
                    fill=mix(colours.accent, colours.lamp, 0.6))  # fmt: skip
        hull = ((left - high * 0.4, foot), (left + high * 0.5, foot), (left + high * 0.32, foot + high * 0.16),
                (left - high * 0.28, foot + high * 0.16))  # fmt: skip
        pen.polygon(hull, fill=colours.near)


def tiles(canvas: Image.Image, colours: Palette, dice: Dice) -> None:
    """A wall of tiles: quarter circles, discs, triangles and stripes."""
    width, height = canvas.size
    pen = ImageDraw.Draw(canvas)
    paints = (colours.top, colours.bottom, colours.accent, colours.far, colours.near, colours.lamp)
    side = (120, 160, 192)[dice.pick(3)]
    for top in range(0, height, side):
        for left in range(0, width, side):
            ground = dice.pick(len(paints))
            figure = (ground + 1 + dice.pick(len(paints) - 1)) % len(paints)
            box = (left, top, left + side, top + side)
            pen.rectangle(box, fill=paints[ground])
            fill = paints[figure]
            shape = dice.pick(7)
            corner = dice.pick(4)
            cx, cy = left + side * (corner % 2), top + side * (corner // 2)
            if shape < 3:
                start = (0, 90, 270, 180)[corner]
                pen.pieslice((cx - side, cy - side, cx + side, cy + side), start, start + 90, fill=fill)
                if shape == 0:
                    half = side / 2
                    pen.pieslice((cx - half, cy - half, cx + half, cy + half), start, start + 90, fill=paints[ground])
            elif shape == 3:
                _disc(pen, left + side / 2, top + side / 2, side * 0.38, fill)
                _disc(pen, left + side / 2, top + side / 2, side * 0.16, paints[ground])
            elif shape == 4:
                ends = [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
                del ends[corner]
                pen.polygon(ends, fill=fill)
            elif shape == 5:
                for stripe in range(0, 6, 2):
                    at = top + side * stripe / 6
                    pen.rectangle((left, at, left + side, at + side / 6), fill=fill)
            else:
                pen.pieslice((left, top - side / 2, left + side, top + side / 2), 0, 180, fill=fill)


def ribbons(canvas: Image.Image, colours: Palette, dice: Dice) -> None:
    """Broad waves from edge to edge, with a disc between them."""
    width, height = canvas.size
    pen = ImageDraw.Draw(canvas)
    count = 8
    disc = 1 + dice.pick(4)
    for band in range(count):
        depth = band / (count - 1)
        if band == disc:
            _lamp(canvas, dice.between(0.2, 0.8) * width, height * (0.22 + 0.4 * depth), dice.between(90, 150), colours)
        base = height * (0.20 + 0.78 * depth)
        points = _ridge(width, base, height * dice.between(0.10, 0.22), 0, dice)
        fill = mix(colours.far, colours.near, depth)
        if band % 3 == disc % 3:
            fill = mix(colours.accent, colours.near, depth * 0.5)
        crest = [(x, y - 6) for x, y in points]
        edge = [(width, y + 8) for _, y in points[-1:]] + [(x, y + 8) for x, y in reversed(points)]
        pen.polygon([*crest, *edge], fill=mix(fill, colours.lamp, 0.55))
        pen.polygon([(0, height), *points, (width, height)], fill=fill)


def planets(canvas: Image.Image, colours: Palette, dice: Dice) -> None:
    """A dark sky with orbits, discs on them and a ringed giant."""
    width, height = canvas.size
    ground = mix(colours.near, mix(colours.top, (8, 8, 24), 0.5), 0.4)
    canvas.paste(ground, (0, 0, width, height))
    pen = ImageDraw.Draw(canvas)
    _stars(pen, width, height, dice, colours)
    _stars(pen, width, height, dice, colours)
    x, y, radius = dice.between(0.3, 0.7) * width, dice.between(0.38, 0.55) * height, dice.between(110, 160)
    for orbit in range(1, 6):
        away = radius * (1 + orbit * 0.55)
        pen.ellipse((x - away, y - away, x + away, y + away), outline=mix(ground, colours.lamp, 0.4), width=3)
        turn = dice.roll() * math.tau
        fill = (colours.accent, colours.bottom, colours.far)[dice.pick(3)]
        _disc(pen, x + away * math.cos(turn), y + away * math.sin(turn), dice.between(14, 42), fill)
    _disc(pen, x, y, radius, colours.accent)
    band = mix(colours.accent, colours.near, 0.3)
    for stripe in range(1, 6):
        rise = radius * (stripe / 3 - 1)
        reach = math.sqrt(max(radius**2 - rise**2, 0)) - 6
        pen.rounded_rectangle((x - reach, y + rise - 9, x + reach, y + rise + 9), 9, fill=band)
    _disc(pen, x - radius * 0.3, y - radius * 0.3, radius * 0.28, mix(colours.accent, colours.lamp, 0.5))
    tilt = radius * 0.24
    pen.arc((x - radius * 1.42, y - tilt, x + radius * 1.42, y + tilt), -14, 194, fill=colours.lamp, width=12)


SCENES: tuple[Callable[[Image.Image, Palette, Dice], None], ...] = (hills, city, sea, tiles, ribbons, planets)
