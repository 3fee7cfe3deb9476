"""The offline source: what it lists, what it paints, and what it serves over HTTP."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from itertools import pairwise

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from PIL import Image, UnidentifiedImageError

from jobs.engines import Candidate, EngineError, Query, resolve
from jobs.engines.reading.pages import read_page
from jobs.engines.sample import ENGINE, catalogue
from jobs.engines.sample.catalogue import BLOCK, SHARES, SUPPLY, Kind, item
from jobs.engines.sample.painter import NOT_AN_IMAGE, caption_text, paint

from .conftest import PlainWeb

urlpatterns = [path("samples/", include("jobs.engines.sample.urls"))]
pytestmark = pytest.mark.urls(__name__)


def ask(keyword: str = "laptop", engine: str = "google") -> Query:
    return Query(keyword, engine, 100, ENGINE.Options())


def first(kind: Kind, keyword: str = "laptop", engine: str = "google", nth: int = 0) -> catalogue.Item:
    return [each for each in (item(keyword, engine, n) for n in range(3 * BLOCK)) if each.kind is kind][nth]


def get(one: catalogue.Item, **headers: str) -> HttpResponse:
    return Client(headers=headers).get(one.picture_path)


def digest(one: catalogue.Item) -> str:
    return hashlib.sha256(paint(one).body).hexdigest()


class TestTheList:
    def test_the_contract_names_lead_to_it_in_development(self) -> None:
        assert resolve("google") is resolve("bing") is ENGINE

    def test_it_is_paged_to_its_end_without_a_repeat(self, web: PlainWeb) -> None:
        seen: list[Candidate] = []
        cursor: str | None = None
        for _ in range(SUPPLY):
            page = ENGINE.search(ask(), cursor, web)
            seen += page.candidates
            cursor = page.next
            if cursor is None:
                break
        assert len(seen) == len({each.image_url for each in seen}) == SUPPLY
        assert web.asked == []

    def test_ten_thousand_new_images_can_be_had_by_a_second_engine_too(self) -> None:
        lost = SHARES[Kind.SHARED] + SHARES[Kind.DUPLICATE] + SHARES[Kind.MOVED] + SHARES[Kind.MISSING]
        lost += SHARES[Kind.EMPTY] + SHARES[Kind.NOT_AN_IMAGE] + SHARES[Kind.TRAP]
        assert SUPPLY * (BLOCK - lost) // BLOCK >= 10_000

    def test_the_same_cursor_gives_the_same_page(self, web: PlainWeb) -> None:
        assert ENGINE.search(ask(), "150", web) == ENGINE.search(ask(), "150", web)

    def test_every_candidate_tells_its_licence_and_its_page(self, web: PlainWeb, settings) -> None:
        settings.PIXTASKS_BASE_URL = "http://127.0.0.1:8123/"
        for each in ENGINE.search(ask("red panda"), None, web).candidates:
            assert (each.license, each.license_version, each.creator) == ("CC0", "1.0", "pixtasks sample painter")
            assert each.image_url.startswith("http://127.0.0.1:8123/samples/google/")
            assert each.page_url.startswith("http://127.0.0.1:8123/samples/google/")
            assert "red panda" in each.title
            assert each.width
            assert each.height

    @pytest.mark.parametrize("cursor", ["-1", "x", "", "12501", "²"])
    def test_a_foreign_cursor_is_refused(self, cursor: str, web: PlainWeb) -> None:
        with pytest.raises(EngineError, match="cursor"):
            ENGINE.search(ask(), cursor, web)

    def test_every_hundred_holds_each_kind_in_its_documented_share(self) -> None:
        for engine in ("google", "bing"):
            for block in range(3):
                counted = Counter(item("cat", engine, block * BLOCK + n).kind for n in range(BLOCK))
                assert {kind: counted[kind] for kind in SHARES} == SHARES
                assert counted[Kind.PLAIN] == BLOCK - sum(SHARES.values())

    def test_the_order_differs_between_keywords_and_engines(self) -> None:
        orders = {
            tuple(item(keyword, engine, n).kind for n in range(BLOCK))
            for keyword in ("cat", "dog")
            for engine in ("google", "bing")
        }
        assert len(orders) == 4


class TestThePictures:
    def test_painting_again_gives_the_same_bytes(self) -> None:
        for index in range(0, 60, 7):
            one = item("cat", "bing", index)
            if one.kind not in (Kind.MISSING, Kind.MOVED, Kind.TRAP):
                before = paint(one)
                paint.cache_clear()
                assert paint(one) == before

    def test_good_pictures_decode_in_the_format_and_size_they_claim_and_differ(self) -> None:
        seen = set()
        forms = set()
        for index in range(BLOCK):
            one = item("lighthouse", "google", index)
            if one.kind in (Kind.PLAIN, Kind.SHARED):
                with Image.open(io.BytesIO(paint(one).body)) as image:
                    image.load()
                    assert image.size == one.size
                    forms.add((one.format, image.format))
                seen.add(digest(one))
        assert len(seen) == BLOCK - sum(SHARES.values()) + SHARES[Kind.SHARED]
        assert forms == {("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")}

    def test_shared_pictures_are_the_same_for_every_engine_at_other_addresses(self) -> None:
        ours, theirs = (
            {digest(first(Kind.SHARED, engine=engine, nth=nth)) for nth in range(4)} for engine in ("google", "bing")
        )
        assert ours == theirs
        assert first(Kind.SHARED).picture_path != first(Kind.SHARED, engine="bing").picture_path

    def test_a_duplicate_has_the_bytes_of_another_index(self) -> None:
        one = first(Kind.DUPLICATE)
        assert one.origin is not None
        assert one.origin != one.index
        assert digest(one) == digest(item(one.keyword, one.engine, one.origin))

    @pytest.mark.parametrize("kind", [Kind.RECODED, Kind.CROPPED])
    def test_a_near_duplicate_looks_like_its_origin_and_has_other_bytes(self, kind: Kind) -> None:
        one = first(kind)
        assert one.origin is not None
        origin = item(one.keyword, one.engine, one.origin)
        assert digest(one) != digest(origin)
        assert _bits_apart(paint(one).body, paint(origin).body) <= 10
        assert _bits_apart(paint(one).body, paint(first(Kind.PLAIN, "another word")).body) > 10

    def test_a_truncated_one_opens_but_does_not_decode(self) -> None:
        with (
            Image.open(io.BytesIO(paint(first(Kind.TRUNCATED)).body)) as image,
            pytest.raises(OSError, match="truncated"),
        ):
            image.load()

    def test_the_other_faults_are_what_they_are_called(self) -> None:
        tiny, banner, blank, animated = (
            Image.open(io.BytesIO(paint(first(kind)).body))
            for kind in (Kind.TINY, Kind.BANNER, Kind.BLANK, Kind.ANIMATED)
        )
        assert max(tiny.size) <= 32
        assert banner.width >= 8 * banner.height
        assert all(high - low <= 2 for low, high in blank.getextrema())
        assert animated.format == "GIF"
        assert animated.n_frames == 6
        mislabelled = paint(first(Kind.MISLABELLED))
        assert mislabelled.body.startswith(b"\x89PNG")
        assert (first(Kind.MISLABELLED).format, mislabelled.content_type) == ("jpg", "image/jpeg")
        assert paint(first(Kind.EMPTY)).body == b""
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(paint(first(Kind.NOT_AN_IMAGE)).body))

    def test_dark_faded_and_blurred_ones_differ_from_good_ones_as_they_should(self) -> None:
        plain, dark, faded, blurred = (
            _grey(paint(first(kind)).body) for kind in (Kind.PLAIN, Kind.DARK, Kind.FADED, Kind.BLURRED)
        )
        assert _mean(dark) < 25
        assert max(faded) - min(faded) < 30 < max(plain) - min(plain)
        assert _roughness(blurred) * 5 < _roughness(plain)

    @pytest.mark.parametrize(
        ("keyword", "caption"),
        [("red panda", "red panda"), ("Crème  brûlée", "Creme brulee"), ("富士山", ""), ("ｆｕｊｉ", "fuji")],
    )
    def test_the_caption_uses_letters_that_the_font_has(self, keyword: str, caption: str) -> None:
        assert caption_text(keyword) == caption
        assert paint(first(Kind.PLAIN, keyword)).body


class TestOverHttp:
    def test_a_picture_needs_no_sign_in_and_may_be_kept(self) -> None:
        one = first(Kind.PLAIN)
        answer = get(one)
        assert answer.status_code == 200
        assert answer.content == paint(one).body
        assert answer["Content-Type"] == paint(one).content_type
        assert "max-age" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert get(one, if_none_match=answer["ETag"]).status_code == 304

    def test_etags_differ_between_pictures(self) -> None:
        tags = [get(first(Kind.PLAIN, keyword, nth=nth))["ETag"] for keyword in ("cat", "dog") for nth in (0, 1)]
        assert len(set(tags)) == 4

    def test_broken_ones_are_served_as_they_are(self) -> None:
        assert get(first(Kind.MISSING)).status_code == 404
        assert get(first(Kind.EMPTY)).content == b""
        page = get(first(Kind.NOT_AN_IMAGE))
        assert (page.content, page["Content-Type"]) == (NOT_AN_IMAGE, "image/jpeg")
        moved = get(first(Kind.MOVED))
        assert moved.status_code == 302
        assert Client().get(moved["Location"]).status_code == 200
        assert get(first(Kind.TRAP))["Location"] == "http://192.0.2.1/private.jpg"

    @pytest.mark.parametrize(
        "address",
        [
            "/samples/google/0.jpg",
            f"/samples/google/0.jpg?keyword={'x' * 201}",
            f"/samples/{'e' * 65}/0.jpg?keyword=cat",
            f"/samples/google/{SUPPLY}.jpg?keyword=cat",
            "/samples/google/0.bmp?keyword=cat",
            "/samples/google?keyword=cat&page=250",
            "/samples/google?keyword=cat&page=-1",
            "/samples/google?keyword=cat&page=9999999999",
            "/samples/google",
        ],
    )
    def test_what_is_not_there_is_404(self, address: str) -> None:
        assert Client().get(address).status_code == 404

    def test_writing_is_refused(self) -> None:
        assert Client().post(first(Kind.PLAIN).picture_path).status_code == 405

    @pytest.mark.parametrize("keyword", ['<script>alert(1)</script>"', "a/../b", "50% off & more?", "é 富士"])
    def test_any_keyword_comes_back_escaped_on_every_page(self, keyword: str) -> None:
        one = first(Kind.PLAIN, keyword)
        assert get(one).status_code == 200
        for address in (one.page_path, catalogue.gallery_path("google", keyword)):
            answer = Client().get(address)
            assert answer.status_code == 200
            assert "<script" not in answer.content.decode()
            assert "default-src 'none'" in answer["Content-Security-Policy"]
            assert keyword in " ".join(each.title for each in read_page(answer.content, "http://h.test/").images)

    def test_the_gallery_can_be_walked_by_its_next_links(self) -> None:
        address, pages = catalogue.gallery_path("bing", "cat"), []
        for _ in range(3):
            found = read_page(Client().get(address).content, f"http://h.test{address}")
            pages.append([each.image_url for each in found.images])
            address = found.next[0].removeprefix("http://h.test")
        assert pages[0][0] == f"http://h.test{item('cat', 'bing', 0).picture_path}"
        assert [len(page) for page in pages] == [50, 50, 50]
        assert all(not set(one) & set(other) for one, other in pairwise(pages))
        last = Client().get(catalogue.gallery_path("bing", "cat", SUPPLY // 50 - 1))
        assert read_page(last.content, "http://h.test/").next == ()


def _grey(body: bytes) -> bytes:
    with Image.open(io.BytesIO(body)) as image:
        return image.convert("L").tobytes()


def _mean(grey: bytes) -> float:
    return sum(grey) / len(grey)


def _roughness(grey: bytes) -> float:
    return sum(abs(one - other) for one, other in pairwise(grey)) / len(grey)


def _bits_apart(first_body: bytes, second_body: bytes) -> int:
    """Return how many of the 64 bits of two difference hashes differ."""
    return (_difference_hash(first_body) ^ _difference_hash(second_body)).bit_count()


def _difference_hash(body: bytes) -> int:
    with Image.open(io.BytesIO(body)) as image:
        grey = image.convert("L").resize((9, 8), Image.Resampling.LANCZOS).tobytes()
    bits = [grey[row * 9 + at] > grey[row * 9 + at + 1] for row in range(8) for at in range(8)]
    return sum(bit << place for place, bit in enumerate(bits))
