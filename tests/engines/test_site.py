"""The engine of web pages, sitemaps and feeds."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from jobs.engines import Candidate, EngineError, EngineUnavailable, Query, WebError, engines
from jobs.engines.http import fetch, retry_after
from jobs.engines.reading import Unreadable
from jobs.engines.reading.feeds import UNPACKED_MAX, read_feed, unpack
from jobs.engines.reading.pages import parse_srcset, read_page
from jobs.engines.site import PAGE_SIZE

from .conftest import PlainWeb, Site

ENGINE = engines["site"]


def ask(url: str, **options: object) -> Query:
    return Query("cat", "site", 100, ENGINE.Options.model_validate({"url": url, **options}))


def walk(query: Query, web: PlainWeb, bound: int = 50) -> list[tuple[Candidate, ...]]:
    pages, cursor = [], None
    for _ in range(bound):
        page = ENGINE.search(query, cursor, web)
        pages.append(page.candidates)
        cursor = page.next
        if cursor is None:
            return pages
    raise AssertionError("the search does not end")


def found(html: str, url: str = "http://host.test/dir/page.html") -> list[str]:
    return [each.image_url for each in read_page(html.encode(), url).images]


class TestImagesOfAPage:
    def test_every_way_to_name_an_image_is_read(self) -> None:
        html = """<title>Cats</title><meta property="og:image" content="/og.jpg">
            <img src="plain.png" alt="a  plain cat"><img data-src="lazy.jpg" src="data:image/gif;base64,R0lGOD">
            <img src="small.jpg" srcset="mid.jpg 640w, large.jpg 1280w">
            <picture><source srcset="wide.webp 1600w"><img src="narrow.jpg"></picture>
            <a href="full.JPG"><img src="thumb.jpg" alt="the whole"></a> <a href="other.html">no image</a>"""
        page = read_page(html.encode(), "http://host.test/dir/page.html")
        assert [(each.image_url.removeprefix("http://host.test"), each.title) for each in page.images] == [
            ("/og.jpg", "Cats"),
            ("/dir/plain.png", "a plain cat"),
            ("/dir/lazy.jpg", ""),
            ("/dir/large.jpg", ""),
            ("/dir/wide.webp", ""),
            ("/dir/full.JPG", "the whole"),
            ("/dir/thumb.jpg", "the whole"),
        ]
        assert page.images[5].thumb_url == "http://host.test/dir/thumb.jpg"
        assert {each.page_url for each in page.images} == {"http://host.test/dir/page.html"}

    def test_base_changes_what_relative_addresses_mean(self) -> None:
        assert found('<base href="//cdn.test/x/"><img src="a.jpg">') == ["http://cdn.test/x/a.jpg"]

    def test_one_address_is_taken_once_and_fragments_do_not_count(self) -> None:
        assert found('<img src="a.jpg"><img src="./a.jpg#top"><a href="a.jpg">x</a>') == ["http://host.test/dir/a.jpg"]

    def test_what_is_no_address_of_the_web_is_left_out(self) -> None:
        html = (
            '<img src="data:image/png;base64,xx"><img src=""><img src="file:///etc/a.png"><img src="http://[bad/a.png">'
        )
        assert found(html) == []

    def test_blanks_and_foreign_letters_are_encoded_and_what_is_encoded_stays(self) -> None:
        assert found('<img src="köt er.jpg?q=ä"><img src="a%20b.jpg">') == [
            "http://host.test/dir/k%C3%B6t%20er.jpg?q=%C3%A4",
            "http://host.test/dir/a%20b.jpg",
        ]

    def test_claimed_sizes_are_read_and_nonsense_is_not(self) -> None:
        images = read_page(b"<img src=a.jpg width=640 height=480><img src=b.jpg width=100%>", "http://h.test/").images
        assert [(each.width, each.height) for each in images] == [(640, 480), (None, None)]

    def test_the_charset_of_the_page_is_used(self) -> None:
        body = '<meta charset="iso-8859-1"><img src="a.jpg" alt="Löwe">'.encode("iso-8859-1")
        assert read_page(body, "http://h.test/").images[0].title == "Löwe"
        assert read_page(body, "http://h.test/", content_type="text/html; charset=no-such").images[0].title

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a.jpg", [(1.0, "a.jpg")]),
            ("a.jpg 1x,b.jpg 2.5x", [(1.0, "a.jpg"), (2.5, "b.jpg")]),
            ("a,b.jpg\n 320w,\n  c.jpg\t640w", [(320.0, "a,b.jpg"), (640.0, "c.jpg")]),
            ("a.jpg, b.jpg 2x", [(1.0, "a.jpg"), (2.0, "b.jpg")]),
            ("data:image/png;base64,AA 1x, b.jpg nonsense", [(1.0, "b.jpg")]),
            (" , ", []),
        ],
    )
    def test_srcset_is_read_as_the_standard_says(self, text: str, expected: list[tuple[float, str]]) -> None:
        assert parse_srcset(text) == expected


class TestTheNextPage:
    @pytest.mark.parametrize(
        "html",
        [
            '<link rel="next" href="p2">',
            '<a rel="nofollow next" href="p2">2</a>',
            '<a href="p2">Next  page</a>',
            '<a href="p2" aria-label="Next">…</a>',
            '<ul><li class="next"><a href="p2">more</a></ul>',
            '<a href="p1">nextdoor</a><a class="button next" href="p2">go</a>',
        ],
    )
    def test_it_is_found(self, html: str) -> None:
        assert read_page(html.encode(), "http://h.test/p1").next == ("http://h.test/p2",)

    def test_it_may_stand_in_the_link_header(self) -> None:
        page = read_page(b"<p>", "http://h.test/p1", link_header='<p0>; rel="prev", <p2>; rel="next"')
        assert page.next == ("http://h.test/p2",)

    def test_the_crawl_follows_it_and_ends_with_the_last(self, site: Site, web: PlainWeb) -> None:
        for number in range(1, 4):
            more = f'<a rel="next" href="/p{number + 1}">next</a>' if number < 3 else ""
            url = site.put(f"/p{number}", f'<img src="/{number}.jpg">{more}')
        pages = walk(ask(url.replace("/p3", "/p1")), web)
        assert [[each.image_url for each in page] for page in pages] == [
            [f"{site.origin}/{number}.jpg"] for number in (1, 2, 3)
        ]

    def test_max_pages_ends_it_earlier(self, site: Site, web: PlainWeb) -> None:
        for number in range(1, 9):
            site.put(f"/p{number}", f'<a rel="next" href="/p{number + 1}">next</a>')
        assert len(walk(ask(f"{site.origin}/p1", max_pages=3), web)) == 3
        assert len(web.asked) == 3

    def test_a_circle_ends(self, site: Site, web: PlainWeb) -> None:
        site.put("/a", '<a rel="next" href="/b">next</a>')
        site.put("/b", '<a rel="next" href="/a">next</a>')
        assert len(walk(ask(f"{site.origin}/a", max_pages=100), web)) == 2

    def test_another_host_is_left_alone_unless_asked_for(self, site: Site, web: PlainWeb) -> None:
        elsewhere = site.origin.replace("127.0.0.1", "localhost")
        site.put("/a", f'<a rel="next" href="{elsewhere}/b">next</a>')
        site.put("/b", '<img src="b.jpg">')
        assert len(walk(ask(f"{site.origin}/a"), web)) == 1
        assert len(walk(ask(f"{site.origin}/a", same_host=False), web)) == 2

    def test_the_same_cursor_gives_the_same_page(self, site: Site, web: PlainWeb) -> None:
        site.put("/a", '<img src="1.jpg"><a rel="next" href="/b">next</a>')
        site.put("/b", '<img src="2.jpg">')
        query = ask(f"{site.origin}/a")
        cursor = ENGINE.search(query, None, web).next
        assert cursor is not None
        assert json.loads(cursor)["next"] == [f"{site.origin}/b"]
        assert ENGINE.search(query, cursor, web) == ENGINE.search(query, cursor, web)

    def test_a_long_page_is_yielded_in_parts_without_loss(self, site: Site, web: PlainWeb) -> None:
        url = site.put("/a", "".join(f'<img src="/{number}.jpg">' for number in range(PAGE_SIZE * 2 + 5)))
        pages = walk(ask(url, max_pages=1), web)
        assert [len(page) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 5]
        assert len({each.image_url for page in pages for each in page}) == PAGE_SIZE * 2 + 5


SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc>{0}/with</loc><image:image><image:loc>{0}/1.jpg</image:loc><image:title>One</image:title></image:image>
<image:image><image:loc>{0}/2.jpg</image:loc></image:image></url>
<url><loc>{0}/without</loc></url></urlset>"""


class TestSitemaps:
    def test_images_are_listed_and_pages_without_any_are_read(self, site: Site, web: PlainWeb) -> None:
        url = site.put("/sitemap.xml", SITEMAP.format(site.origin), "application/xml")
        site.put("/without", '<img src="3.jpg">')
        pages = walk(ask(url), web)
        assert [[each.image_url[-5:] for each in page] for page in pages] == [["1.jpg", "2.jpg"], ["3.jpg"]]
        assert (pages[0][0].title, pages[0][0].page_url) == ("One", f"{site.origin}/with")
        assert f"{site.origin}/with" not in web.asked

    def test_an_index_leads_to_its_parts_packed_or_not(self, site: Site, web: PlainWeb) -> None:
        site.put("/part.xml.gz", gzip.compress(SITEMAP.format(site.origin).encode()), "application/gzip")
        url = site.put(
            "/index.xml",
            f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap>'
            f"<loc>{site.origin}/part.xml.gz</loc></sitemap></sitemapindex>",
            "text/xml",
        )
        assert [len(page) for page in walk(ask(url, max_pages=2), web)] == [0, 2]

    def test_a_packed_bomb_is_refused(self) -> None:
        with pytest.raises(Unreadable, match="larger"):
            unpack(gzip.compress(b"\0" * (UNPACKED_MAX + 1)))
        with pytest.raises(Unreadable, match="cut off"):
            unpack(gzip.compress(b"some text")[:-6])
        with pytest.raises(Unreadable, match="gzip"):
            unpack(b"\x1f\x8b and no more")

    def test_a_bomb_of_entities_stays_small(self) -> None:
        bomb = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        document = f"""<!DOCTYPE urlset [<!ENTITY l0 "lol">{bomb}]>
            <urlset><url><loc>http://h.test/&l9;</loc></url></urlset>"""
        found = read_feed(document.encode(), "http://h.test/sitemap.xml")
        assert sum(map(len, found.pages)) < 100

    def test_an_entity_reads_no_file(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("leaked.jpg")
        document = f"""<!DOCTYPE urlset [<!ENTITY file SYSTEM "file://{secret}">]>
            <urlset><url><image><loc>/a/&file;</loc></image><image><loc>/ok.jpg</loc></image></url></urlset>"""
        addresses = [each.image_url for each in read_feed(document.encode(), "http://h.test/sitemap.xml").images]
        assert "http://h.test/ok.jpg" in addresses
        assert not any("leaked" in address for address in addresses)

    def test_other_xml_is_refused_by_name(self) -> None:
        with pytest.raises(Unreadable, match="<svg>"):
            read_feed(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "http://h.test/")
        with pytest.raises(Unreadable, match="not readable XML"):
            read_feed(b"", "http://h.test/")


class TestFeeds:
    def test_rss_gives_enclosures_media_and_the_images_of_the_text(self) -> None:
        document = b"""<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel>
            <item><title>First</title><link>http://h.test/1</link><enclosure url="/1.bin" type="image/jpeg"/>
              <enclosure url="/1.mp3" type="audio/mpeg"/><media:thumbnail url="/t.jpg"/></item>
            <item><title>Second</title><media:group><media:content url="/2.jpg"/></media:group></item>
            <item><title>Third</title><link>http://h.test/3/</link>
              <description>&lt;p&gt;&lt;img src="3.png" alt="Drei"&gt;</description></item>
            <item><title>Fourth</title><media:thumbnail url="/4.jpg"/></item>
            <item><title>Fifth</title><link>http://h.test/5</link></item></channel></rss>"""
        feed = read_feed(document, "http://h.test/feed")
        assert [(each.image_url, each.title) for each in feed.images] == [
            ("http://h.test/1.bin", "First"),
            ("http://h.test/2.jpg", "Second"),
            ("http://h.test/3/3.png", "Drei"),
            ("http://h.test/4.jpg", "Fourth"),
        ]
        assert feed.images[0].page_url == "http://h.test/1"
        assert feed.pages == ("http://h.test/5",)

    def test_atom_is_paged(self, site: Site, web: PlainWeb) -> None:
        entry = '<entry><link href="/e{0}"/><link rel="enclosure" type="image/png" href="/{0}.png"/></entry>'
        head = '<feed xmlns="http://www.w3.org/2005/Atom">'
        url = site.put(
            "/feed", f'{head}<link rel="next" href="/feed2"/>{entry.format(1)}</feed>', "application/atom+xml"
        )
        site.put("/feed2", f"{head}{entry.format(2)}</feed>", "application/atom+xml")
        pages = walk(ask(url), web)
        assert [[each.image_url for each in page] for page in pages] == [
            [f"{site.origin}/1.png"],
            [f"{site.origin}/2.png"],
        ]
        assert pages[0][0].page_url == f"{site.origin}/e1"


class TestFaults:
    @pytest.mark.parametrize("status", [401, 403, 404, 410, 422])
    def test_a_first_page_that_is_refused_fails_for_good_and_says_the_status(
        self, site: Site, web: PlainWeb, status: int
    ) -> None:
        url = site.put("/a", status=status)
        with pytest.raises(EngineError, match=f"status {status}") as caught:
            ENGINE.search(ask(url), None, web)
        assert not isinstance(caught.value, EngineUnavailable)

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_a_page_that_may_come_back_is_unavailable_and_says_for_how_long(
        self, site: Site, web: PlainWeb, status: int
    ) -> None:
        url = site.put("/a", status=status, Retry_After="7")
        with pytest.raises(EngineUnavailable, match=f"status {status}") as caught:
            ENGINE.search(ask(url), None, web)
        assert caught.value.retry_after == 7

    def test_a_later_page_that_is_gone_is_passed_over_and_one_that_is_down_is_not(
        self, site: Site, web: PlainWeb, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = site.put("/a", '<img src="1.jpg"><a rel="next" href="/b">next</a>')
        assert [len(page) for page in walk(ask(url), web)] == [1, 0]
        assert "status 404" in caplog.text
        site.put("/b", status=503)
        cursor = ENGINE.search(ask(url), None, web).next
        with pytest.raises(EngineUnavailable):
            ENGINE.search(ask(url), cursor, web)

    def test_a_server_that_is_not_there_is_unavailable(self, site: Site, web: PlainWeb) -> None:
        with pytest.raises(EngineUnavailable, match="refused"):
            ENGINE.search(ask("http://127.0.0.1:9/"), None, web)

    def test_an_address_that_is_not_allowed_names_the_setting_and_hides_the_query(self) -> None:
        class Guarded(PlainWeb):
            def get(self, url, *, headers=None, max_bytes=0):
                raise WebError("blocked_address", "10.0.0.1 is private")

        with pytest.raises(EngineError, match="PIXTASKS_FETCH_ALLOW") as caught:
            fetch(Guarded(), "http://10.0.0.1/a?key=secret")
        assert not isinstance(caught.value, EngineUnavailable)
        assert "secret" not in caught.value.message

    def test_an_image_itself_is_taken_and_another_file_is_refused(self, site: Site, web: PlainWeb) -> None:
        url = site.put("/a.jpg", b"\xff\xd8\xff", "image/jpeg")
        assert [each.image_url for each in walk(ask(url), web)[0]] == [url]
        with pytest.raises(EngineError, match="application/pdf"):
            ENGINE.search(ask(site.put("/a.pdf", b"%PDF-1.7", "application/pdf")), None, web)

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "7",
            "{}",
            '{"next":[],"done":1,"images":0,"skip":0,"seen":""}',
            "[]",
            '{"next":["file:///etc/passwd"],"done":1,"images":0,"skip":0,"seen":""}',
        ],
    )
    def test_a_foreign_cursor_is_refused(self, cursor: str, web: PlainWeb) -> None:
        with pytest.raises(EngineError, match="cursor"):
            ENGINE.search(ask("http://h.test/"), cursor, web)

    @pytest.mark.parametrize(
        "options",
        [{}, {"url": "ftp://h.test/"}, {"url": "http://"}, {"url": "http://u:p@h.test/"}, {"url": "x"},
         {"url": "http://h.test/", "max_pages": 0}, {"url": "http://h.test/", "max_pages": 1001},
         {"url": "http://h.test/", "depth": 3}],
    )  # fmt: skip
    def test_wrong_options_are_refused(self, options: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            ENGINE.Options.model_validate(options)

    @pytest.mark.parametrize(
        ("value", "expected"), [("", None), ("12", 12.0), ("soon", None), ("99999999", 86400.0),
                                ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
    )  # fmt: skip
    def test_retry_after_is_seconds_or_a_date(self, value: str, expected: float | None) -> None:
        assert retry_after({"retry-after": value}) == expected
