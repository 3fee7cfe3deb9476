"""Every fault that a crawl meets, against every level: what is found, and whether the image stays valid."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path

import pytest

from jobs.validators import LEVELS, Issue, Subject, Thresholds, Verdict, validators
from tests.images import broken_images, photo_variants, whole_images

BROKEN = broken_images(1)
WHOLE = whole_images(1)

# What fast finds, what medium adds, what slow adds.
EXPECTED: dict[str, tuple[str, str, str]] = {
    "cut.jpg": ("", "truncated", ""),
    "cut_in_header.jpg": ("unreadable", "", ""),
    "cut_two_bytes.jpg": ("", "truncated", ""),
    "cut_progressive.jpg": ("", "truncated", ""),
    "cut.png": ("", "truncated", ""),
    "cut_end_chunk.png": ("", "truncated", ""),
    "cut.webp": ("", "truncated", ""),
    "cut.gif": ("", "truncated", ""),
    "cut.tiff": ("unreadable", "", ""),
    "cut.bmp": ("", "truncated", ""),
    "cut.avif": ("unreadable", "", ""),
    "overwritten.jpg": ("", "corrupt", ""),
    "no_tables.jpg": ("", "corrupt", ""),
    "flipped_bits.png": ("", "corrupt", ""),
    "flipped_header.png": ("unreadable", "", ""),
    "foreign_stream.png": ("", "corrupt", ""),
    "lying_height.jpg": ("", "corrupt", ""),
    "no_pixels.png": ("too_few_bytes", "corrupt", ""),
    "header_only.gif": ("", "unreadable", ""),
    "no_frame.webp": ("unreadable", "", ""),
    "bomb.png": ("too_large pixel_bomb", "", ""),
    "bomb_in_text.png": ("too_small", "pixel_bomb", ""),
    "bomb.jpg": ("too_large pixel_bomb", "", ""),
    "bomb_scans.jpg": ("", "pixel_bomb", ""),
    "bomb_frame.gif": ("too_small", "pixel_bomb", ""),
    "bomb.bmp": ("too_large pixel_bomb", "", ""),
    "bomb_frames.png": ("", "pixel_bomb", ""),
    "empty.jpg": ("too_few_bytes", "", ""),
    "one_byte.jpg": ("too_few_bytes unsupported_format", "", ""),
    "html.jpg": ("unsupported_format", "", ""),
    "svg.png": ("unsupported_format", "", ""),
    "noise.jpg": ("unsupported_format", "", ""),
    "png_inside.jpg": ("wrong_extension", "", ""),
    "jpeg_inside.png": ("wrong_extension", "", ""),
    "tiny.png": ("too_small", "", ""),
    "blank.jpg": ("", "blank", ""),
    "blank.png": ("", "blank", ""),
    "transparent.png": ("", "blank", ""),
    "animated.gif": ("", "animated", ""),
    "animated.webp": ("", "animated", ""),
    "animated.png": ("", "animated", ""),
    "pages.tiff": ("", "animated", ""),
    "cmyk.jpg": ("", "odd_color_mode", ""),
    "sixteen_bit.png": ("", "odd_color_mode", ""),
    "bilevel.png": ("", "odd_color_mode", "low_entropy"),
    "dark.jpg": ("", "", "dark low_contrast"),
    "light.jpg": ("", "", "light low_contrast"),
    "gray_fog.jpg": ("", "", "low_contrast"),
    "blurry.jpg": ("", "", "blurry"),
    "panorama.jpg": ("", "", "odd_aspect"),
    "logo.png": ("", "", "low_entropy"),
}
REMARKS = {"wrong_extension", "animated", "odd_color_mode", "blurry", "dark", "light", "low_contrast", "low_entropy"}
REMARKS |= {"odd_aspect"}


def check(level: str, data: bytes, name: str = "", *, thresholds: Thresholds | None = None) -> Verdict:
    url = f"https://example.com/pictures/{name}?width=100#top" if name else ""
    return validators[level].check(Subject.of_bytes(data, source_url=url), thresholds or Thresholds())


def test_every_broken_file_has_its_expectation() -> None:
    assert EXPECTED.keys() == BROKEN.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_each_level_finds_what_it_should_and_what_the_one_before_found(name: str) -> None:
    expected: list[str] = []
    for level, added in zip(LEVELS, EXPECTED[name], strict=True):
        expected += added.split()
        verdict = check(level, BROKEN[name], name)
        assert verdict.issues == expected, (level, verdict.measurements)
        assert verdict.is_valid is REMARKS.issuperset(expected)
        json.dumps(verdict.measurements)


@pytest.mark.parametrize("name", [name for name in WHOLE if name not in {"glyph.png"} and "checker" not in name])
def test_a_whole_picture_of_any_kind_has_no_issue(name: str) -> None:
    verdict = check("slow", WHOLE[name], name)
    assert verdict.issues == []
    assert verdict.is_valid
    assert verdict.measurements["bytes"] == len(WHOLE[name])
    assert (verdict.measurements["width"], verdict.measurements["height"]) in {(240, 180), (200, 133)}


@pytest.mark.parametrize("name", ["checkerboard.png", "checkerboard.jpg", "glyph.png"])
def test_fine_patterns_and_shapes_in_the_alpha_channel_are_not_blank(name: str) -> None:
    assert check("medium", WHOLE[name]).issues == []


def test_photographs_have_no_issue_at_any_level() -> None:
    for picture in photo_variants(40, seed=3):
        verdict = check("slow", picture.data, picture.name)
        assert verdict.issues == [], picture.name
        assert verdict.measurements["format"] == picture.format


def test_the_measurements_of_slow_are_plausible_for_a_photograph() -> None:
    measured = check("slow", WHOLE["baseline.jpg"]).measurements
    assert measured["mode"] == "RGB"
    assert measured["frames"] == 1
    assert len(str(measured["phash"])) == len(str(measured["dhash"])) == 16
    for name, low, high in (("brightness", 0.1, 0.9), ("contrast", 0.3, 1), ("entropy", 5, 8), ("sharpness", 0.1, 9)):
        value = measured[name]
        assert isinstance(value, float)
        assert low < value <= high, name
    assert measured["aspect"] == 1.333


def test_a_content_type_that_names_another_format_is_remarked() -> None:
    def issues(content_type: str) -> list[str]:
        subject = Subject.of_bytes(WHOLE["baseline.jpg"], content_type=content_type)
        return validators["fast"].check(subject, Thresholds()).issues

    for fitting in ("image/jpeg", "IMAGE/JPG; charset=binary", "image/pjpeg", "", "application/octet-stream"):
        assert issues(fitting) == []
    for other in ("image/png", "text/html; charset=utf-8", "image/svg+xml"):
        assert issues(other) == [Issue.WRONG_CONTENT_TYPE]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://example.com/a.JPG", []),
        ("https://example.com/a.jfif#x.png", []),
        ("https://example.com/a.jpeg?as=.png", []),
        ("https://example.com/picture", []),
        ("https://example.com/view.php", []),
        ("https://example.com/a.png", [Issue.WRONG_EXTENSION]),
        ("https://example.com/a.svg?v=2", [Issue.WRONG_EXTENSION]),
    ],
)
def test_only_an_extension_that_names_another_format_is_remarked(url: str, found: list[str]) -> None:
    subject = Subject.of_bytes(WHOLE["baseline.jpg"], source_url=url)
    assert validators["fast"].check(subject, Thresholds()).issues == found


def test_recorded_facts_that_no_longer_hold_make_an_image_invalid() -> None:
    data = WHOLE["true_colour.png"]
    subject = Subject(None, Subject.of_bytes(data).open, size=len(data) + 1, format="jpeg")
    verdict = validators["fast"].check(subject, Thresholds())
    assert verdict.issues == [Issue.SIZE_MISMATCH, Issue.WRONG_FORMAT]
    assert not verdict.is_valid


def test_a_file_that_is_gone_is_an_issue_at_every_level(tmp_path: Path) -> None:
    for level in LEVELS:
        verdict = validators[level].check(Subject.of_file(tmp_path / "gone"), Thresholds())
        assert (verdict.is_valid, verdict.issues) == (False, [Issue.MISSING_FILE])


def test_a_storage_that_fails_is_not_held_against_the_image() -> None:
    def fail() -> None:
        raise ConnectionError("storage is down")

    for level in LEVELS:
        with pytest.raises(ConnectionError):
            validators[level].check(Subject(None, fail), Thresholds())  # type: ignore[arg-type]


class WatchedFile(io.FileIO):
    """A file that counts what is read from it."""

    def __init__(self, path: Path, log: list[int]) -> None:
        super().__init__(path)
        self.log = log
        log.append(0)

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self.log[-1] += len(data)
        return data


def test_files_are_opened_once_read_once_and_left_as_they_are(tmp_path: Path) -> None:
    for name, data in {**BROKEN, **WHOLE}.items():
        path = tmp_path / name
        path.write_bytes(data)
        path.chmod(0o400)
        before = path.stat()
        for level in LEVELS:
            read: list[int] = []
            opened = Subject(None, partial(WatchedFile, path, read))  # type: ignore[arg-type]
            verdict = validators[level].check(opened, Thresholds())
            assert len(read) == 1
            assert read[0] <= len(data)
            assert verdict == check(level, data) == validators[level].check(Subject.of_file(path), Thresholds())
        after = path.stat()
        assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
        assert path.read_bytes() == data


def test_fast_reads_no_more_than_the_header(tmp_path: Path) -> None:
    for name, most in (
        ("baseline.jpg", 4096),
        ("true_colour.png", 4096),
        ("long_header.jpg", len(WHOLE["long_header.jpg"])),
    ):
        path = tmp_path / name
        path.write_bytes(WHOLE[name])
        read: list[int] = []
        opened = Subject(None, partial(WatchedFile, path, read))  # type: ignore[arg-type]
        assert validators["fast"].check(opened, Thresholds()).issues == []
        assert read[0] <= most
