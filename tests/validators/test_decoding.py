"""Nothing that Pillow's full decode refuses is accepted, no bytes make a validator raise, nothing leaks out."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from jobs.validators import Issue, Subject, Thresholds, validators
from jobs.validators.pillow import guarded
from tests.images import broken_images, encode, photos, whole_images, with_jpeg_size

JPEGS = {name: data for name, data in whole_images(2).items() if name.endswith(".jpg") and len(data) < 50_000}


def medium_accepts(data: bytes) -> bool:
    return validators["medium"].check(Subject.of_bytes(data), Thresholds(min_bytes=0)).is_valid


def pillow_accepts(data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
        except Exception:
            return False
    return True


@pytest.mark.parametrize("name", [*JPEGS, "cmyk"])
def test_every_cut_that_pillow_refuses_is_refused(name: str) -> None:
    data = JPEGS.get(name) or encode(photos()[1].resize((160, 120)).convert("CMYK"))
    assert medium_accepts(data)
    lengths = [*range(2, len(data), len(data) // 60), *range(len(data) - 40, len(data))]
    refused = [length for length in lengths if not pillow_accepts(data[:length])]
    assert len(refused) > 60
    assert [length for length in refused if medium_accepts(data[:length])] == []


def test_whatever_pillow_refuses_among_damaged_files_is_refused_and_nothing_raises() -> None:
    chance = random.Random(5)
    files = [data for data in {**whole_images(2), **broken_images(2)}.values() if 0 < len(data) < 60_000]
    refused = 0
    for _ in range(600):
        data = bytearray(chance.choice(files))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(min(len(data), chance.choice((600, len(data)))))
            match chance.randrange(4):
                case 0:
                    data[at] ^= 1 << chance.randrange(8)
                case 1:
                    data[at : at + 8] = chance.randbytes(8)
                case 2:
                    del data[at : at + chance.randint(1, 30)]
                case _:
                    data[at:at] = chance.randbytes(3)
            if len(data) < 2:
                break
        damaged = bytes(data)
        accepted = validators["slow"].check(Subject.of_bytes(damaged), Thresholds(min_bytes=0)).is_valid
        if not pillow_accepts(damaged):
            refused += 1
            assert not accepted
    assert refused > 100


def test_damage_inside_a_scan_is_caught_far_more_often_than_by_pillow() -> None:
    chance = random.Random(6)
    data = encode(photos()[1], quality=85)
    ours = plain = 0
    for _ in range(60):
        at = chance.randint(len(data) // 3, len(data) * 2 // 3)
        damaged = data[:at] + chance.randbytes(16) + data[at + 16 :]
        ours += not medium_accepts(damaged)
        plain += not pillow_accepts(damaged)
    assert ours >= 24
    assert ours > 3 * plain


# Decoders allocate outside Python's sight, so the memory of a whole process is looked at.
BOMBS = """
import json, resource, sys
from pathlib import Path
from jobs.validators import Subject, Thresholds, validators
check = lambda path: validators["slow"].check(Subject.of_file(Path(path)), Thresholds()).issues
check(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = {Path(path).name: check(path) for path in sys.argv[2:]}
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([used // 1024 if sys.platform == "darwin" else used, found]))
"""


def test_bombs_are_refused_without_the_memory_they_ask_for(tmp_path: Path) -> None:
    bombs = {name: data for name, data in broken_images(1).items() if name.startswith("bomb")}
    for name, data in {"first.png": whole_images(1)["true_colour.png"], **bombs}.items():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", BOMBS, str(tmp_path / "first.png"), *(str(tmp_path / name) for name in bombs)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    kilobytes, found = json.loads(run.stdout)
    assert [name for name, issues in found.items() if Issue.PIXEL_BOMB not in issues] == []
    assert len(found) == 7
    assert kilobytes < 60_000  # bomb.png alone asks for 7 GB, the text in bomb_in_text.png for 80 MB


def test_the_pixel_limit_is_the_one_of_the_thresholds() -> None:
    data = encode(Image.new("RGB", (300, 200)), "png")
    for pixels, refused in ((60_000, False), (59_999, True)):
        for level in ("fast", "medium"):
            verdict = validators[level].check(Subject.of_bytes(data), Thresholds(max_pixels=pixels))
            assert (Issue.PIXEL_BOMB in verdict.issues) is refused


def test_a_file_above_the_byte_limit_is_not_decoded() -> None:
    data = whole_images(2)["true_colour.png"]
    verdict = validators["slow"].check(Subject.of_bytes(data), Thresholds(max_bytes=len(data) - 1))
    assert verdict.issues == [Issue.TOO_MANY_BYTES]
    assert verdict.measurements == {"bytes": len(data)}


def test_frames_are_limited_in_every_format_that_has_them() -> None:
    frames = [Image.new("L", (70, 70), 20 * number) for number in range(6)]
    for kind in ("gif", "png", "webp", "tiff"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        few = validators["medium"].check(Subject.of_bytes(data), Thresholds(max_frames=5, min_bytes=0))
        enough = validators["medium"].check(Subject.of_bytes(data), Thresholds(max_frames=6, min_bytes=0))
        assert few.issues == [Issue.PIXEL_BOMB], kind
        assert Issue.PIXEL_BOMB not in enough.issues
        assert enough.measurements["frames"] == 6


def test_a_jpeg_that_claims_more_rows_than_it_has_is_refused_at_every_scale() -> None:
    for side in (100, 400, 1600):
        data = encode(photos()[0].resize((side, side)))
        assert not medium_accepts(with_jpeg_size(data, side, side * 2))


def test_pillows_warnings_and_limits_do_not_leak() -> None:
    before, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        inner = list(warnings.filters)
        for data in broken_images(1).values():
            validators["slow"].check(Subject.of_bytes(data), Thresholds())
        assert list(warnings.filters) == inner
    assert [str(warning.message) for warning in seen] == []
    assert before == Image.MAX_IMAGE_PIXELS
    assert list(warnings.filters) == filters
    with guarded(5):
        assert Image.MAX_IMAGE_PIXELS == 5
    assert before == Image.MAX_IMAGE_PIXELS


def test_threads_get_the_verdicts_that_one_thread_gets() -> None:
    files = list({**broken_images(1), **whole_images(1)}.values())

    def check(data: bytes) -> object:
        return validators["slow"].check(Subject.of_bytes(data), Thresholds())

    before = Image.MAX_IMAGE_PIXELS
    alone = [check(data) for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(check, files * 2))
    assert together == alone * 2
    assert before == Image.MAX_IMAGE_PIXELS
