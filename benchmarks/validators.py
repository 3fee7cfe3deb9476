"""Validation levels against plain loops over the same files, side by side in one run (PERFORMANCE.md, Validation).

    python benchmarks/validators.py --images 400 --rounds 3

Figures of different runs or machines do not compare; the ratios do. Only the validators are measured, no database and
no Celery. The ``imagehash`` package is not a dependency of this project: its two hashes are written out here as that
package computes them (the full picture turned gray and shrunk with Lanczos once per hash, the transform over all
32 × 32 samples), with numpy in place of scipy. The naive slow level is one full decode, these two hashes, and each
measure on the full-size gray picture.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageStat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from jobs.validators import Subject, Thresholds, validators
from tests.images import photo_variants

THRESHOLDS = Thresholds()
DCT = 2 * np.cos(np.pi * np.outer(np.arange(32), 2 * np.arange(32) + 1) / 64)


TURN = 20
REPEATS = {"Pillow open (header)": 10, "fast": 10}


def imagehash_phash(image: Image.Image) -> NDArray[np.bool_]:
    pixels = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS))
    low = (DCT @ pixels @ DCT.T)[:8, :8]
    return low > np.median(low)


def imagehash_dhash(image: Image.Image) -> NDArray[np.bool_]:
    pixels = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.LANCZOS))
    return pixels[:, 1:] > pixels[:, :-1]


def pillow_open(path: Path) -> None:
    with Image.open(path):
        pass


def pillow_load(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def imagehash_alone(path: Path) -> None:
    with Image.open(path) as image:
        imagehash_phash(image)
        imagehash_dhash(image)


def naive_slow(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        imagehash_phash(image)
        imagehash_dhash(image)
        gray = image.convert("L")
        edges = gray.filter(ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128))
        tones, detail = ImageStat.Stat(gray), ImageStat.Stat(edges)
        counts = np.cumsum(gray.histogram())
    (
        detail.var,
        tones.mean,
        tones.stddev,
        gray.entropy(),
        np.searchsorted(counts, np.array((0.01, 0.05, 0.99)) * counts[-1]),
    )


def level(name: str) -> Callable[[Path], None]:
    validator = validators[name]

    def run(path: Path) -> None:
        validator.check(
            Subject(path, lambda: path.open("rb"), source_url=f"https://example.com/{path.name}"), THRESHOLDS
        )

    return run


WORK: dict[str, Callable[[Path], None]] = {
    "Pillow open (header)": pillow_open,
    "fast": level("fast"),
    "Pillow load (full decode)": pillow_load,
    "medium": level("medium"),
    "phash + dhash as imagehash": imagehash_alone,
    "slow level, naive": naive_slow,
    "slow": level("slow"),
}
GOALS = (
    ("fast", "Pillow open (header)", 0.8),
    ("medium", "Pillow load (full decode)", 1.3),
    ("slow", "slow level, naive", 5.0),
    ("slow", "phash + dhash as imagehash", 3.0),
)


def measure(paths: list[Path], rounds: int) -> dict[str, float]:
    """Return the median rate of each piece of work, in images per second of processor time.

    The pieces take turns every few files, so that whatever else the machine does meets all of them alike.
    """
    rates: dict[str, list[float]] = {name: [] for name in WORK}
    for _ in range(rounds):
        seconds = dict.fromkeys(WORK, 0.0)
        for first in range(0, len(paths), TURN):
            for name, work in WORK.items():
                repeats = REPEATS.get(name, 1)
                start = time.process_time()
                for _ in range(repeats):
                    for path in paths[first : first + TURN]:
                        work(path)
                seconds[name] += (time.process_time() - start) / repeats
        for name, spent in seconds.items():
            rates[name].append(len(paths) / spent)
    return {name: statistics.median(values) for name, values in rates.items()}


def caught(paths: list[Path]) -> dict[str, tuple[int, int, int]]:
    """Return (files, caught by Pillow, caught by medium) for cut files and for 16 bytes overwritten in the middle."""
    chance = random.Random(1)
    results = {}
    for kind in ("cut", "16 bytes overwritten"):
        plain = ours = 0
        for path in paths:
            data = path.read_bytes()
            if kind == "cut":
                data = data[: chance.randint(len(data) // 10, len(data) - 1)]
            else:
                middle = len(data) // 2
                data = data[:middle] + chance.randbytes(16) + data[middle + 16 :]
            damaged = path.with_suffix(".damaged")
            damaged.write_bytes(data)
            try:
                pillow_load(damaged)
            except OSError:
                plain += 1
            ours += not validators["medium"].check(Subject.of_file(damaged), THRESHOLDS).is_valid
        results[kind] = (len(paths), plain, ours)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--enlarge", type=float, default=2.4, help="factor on the size of the crops (default 2.4: 91 KB on average)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for picture in photo_variants(options.images, options.seed, formats=("jpeg",), enlarge=options.enlarge):
            paths.append(Path(folder, picture.name))
            paths[-1].write_bytes(picture.data)
        mean = statistics.mean(path.stat().st_size for path in paths) / 1000
        print(f"{len(paths)} JPEGs, {mean:.0f} KB on average, median of {options.rounds} rounds, one process")
        rates = measure(paths, options.rounds)
        for name, rate in rates.items():
            print(f"  {name:<28}{rate:>10,.0f} images per second of processor time")
        for name, base, goal in GOALS:
            ratio = rates[name] / rates[base]
            print(f"  {name} / {base}: {ratio:.2f} (goal {goal}) {'reached' if ratio >= goal else 'MISSED'}")
        for kind, (count, plain, ours) in caught(paths[:200]).items():
            print(f"  {kind}: Pillow load caught {plain}, medium {ours} of {count}")


if __name__ == "__main__":
    main()
