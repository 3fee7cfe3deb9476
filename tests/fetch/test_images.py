"""Every address comes out of the fetcher once, with what became of it."""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.fetch.images import Download, FetchLimits, ImageFetcher
from jobs.fetch.outcomes import Outcome, is_transient
from jobs.fetch.storage import ImageStorage, store
from pixtasks.common.net.guard import AddressPolicy

from .certificate import make_certificate
from .site import Site, collect, picture

Fetch = Callable[[str], Download]


def test_an_image_arrives_with_its_digest_format_and_size(site: Site, fetch: Fetch) -> None:
    download = fetch(site.url("/image/5"))
    assert download.outcome == "stored"
    assert download.draft is not None
    assert download.draft.read_bytes() == picture(5)
    assert download.sha256 == hashlib.sha256(picture(5)).hexdigest()
    assert (download.size, download.format) == (len(picture(5)), "jpeg")
    assert (download.width, download.height) == (40, 30)
    assert (download.http_status, download.content_type) == (200, "image/jpeg")
    assert download.url == download.final_url == site.url("/image/5")


@pytest.mark.parametrize("kind", ["png", "gif", "webp", "bmp", "tiff"])
def test_every_format_is_taken_by_its_bytes_whatever_the_header_says(site: Site, fetch: Fetch, kind: str) -> None:
    download = fetch(site.url(f"/kind/{kind}"))
    assert (download.outcome, download.format, download.width, download.height) == ("stored", kind, 40, 30)
    assert download.content_type == "application/octet-stream"


def test_a_header_that_claims_too_many_pixels_is_recorded_and_left_to_validation(
    tmp_path: Path, fetcher: ImageFetcher
) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    bmp = (
        b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60_000, 50_000, 1, 24, *[0] * 6)
    )
    broken = picture()[:3] + b"\0" * 600
    for name, data in (("png", png), ("bmp", bmp), ("jpeg", broken)):
        (tmp_path / name).write_bytes(data)
        fetcher.submit_file(name, tmp_path / name)
    found = collect(fetcher)
    assert {name: (d.outcome, d.format, d.width, d.height) for name, d in found.items()} == {
        "png": ("stored", "png", 60_000, 50_000),
        "bmp": ("stored", "bmp", 60_000, 50_000),
        "jpeg": ("stored", "jpeg", None, None),
    }


def test_the_request_names_the_product_and_asks_for_no_compression(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    with ImageFetcher(storage, replace(limits, contact="https://example.com/bot"), policy) as fetcher:
        fetcher.submit(1, site.url("/image/1"))
        collect(fetcher)
    headers = site.requests[0][1]
    assert headers["user-agent"].startswith("pixtasks/")
    assert headers["user-agent"].endswith("(https://example.com/bot)")
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/status/404", "http_404"),
        ("/status/403", "http_403"),
        ("/status/410", "http_410"),
        ("/status/500", "http_500"),
        ("/status/304", "http_304"),
        ("/partial/", "http_206"),
        ("/loop/", "too_many_redirects"),
        ("/hop/6", "too_many_redirects"),
        ("/empty/", "empty"),
        ("/none/", "empty"),
        ("/page/", "not_an_image"),
        ("/page/100", "not_an_image"),
        ("/page/100000", "not_an_image"),
        ("/gzipped/", "not_an_image"),
        ("/svg/", "unsupported_format"),
        ("/truncated/", "incomplete"),
        ("/cut/", "incomplete"),
        ("/large/1500000", "too_large"),
        ("/endless/", "too_large"),
        ("/reset/", "reset"),
        ("/hangup/", "reset"),
        ("/garbage/", "protocol"),
        ("/to/?url=ftp://127.0.0.1/x", "bad_url"),
        ("/to/?url=file:///etc/passwd", "bad_url"),
        ("/to/?url=gopher://127.0.0.1:6379/_x", "bad_url"),
    ],
)
def test_a_failure_has_a_class_a_sentence_and_no_draft(
    site: Site, fetch: Fetch, storage: ImageStorage, path: str, outcome: str
) -> None:
    download = fetch(site.url(path))
    assert download.outcome == outcome
    assert download.detail
    assert download.draft is None
    assert download.sha256 == ""
    assert [file for file in storage.drafts_folder.rglob("*") if file.is_file()] == []


def test_five_redirects_are_followed(site: Site, fetch: Fetch) -> None:
    download = fetch(site.url("/hop/5"))
    assert (download.outcome, download.final_url) == ("stored", site.url("/image/1"))


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_for_long_is_heard(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy, status: int
) -> None:
    with ImageFetcher(storage, replace(limits, hold_seconds=16), policy) as fetcher:
        fetcher.submit(1, site.url(f"/status/{status}?Retry-After=17"))
        download = collect(fetcher)[1]
    assert (download.outcome, download.retry_after) == (f"http_{status}", 17.0)
    assert "17 s" in download.detail
    assert is_transient(download.outcome)


def test_an_announced_size_above_the_limit_ends_the_transfer_before_the_body(site: Site, fetch: Fetch) -> None:
    download = fetch(site.url("/large/9000000"))
    assert (download.outcome, download.size) == ("too_large", 0)


def test_a_file_of_exactly_the_limit_is_kept(site: Site, fetch: Fetch, limits: FetchLimits) -> None:
    padding = limits.max_bytes - len(picture())
    download = fetch(site.url(f"/large/{padding}"))
    assert (download.outcome, download.size, download.width) == ("stored", limits.max_bytes, 40)
    assert download.draft is not None
    assert download.draft.read_bytes() == picture() + b"\0" * padding


@pytest.mark.parametrize("path", ["/drip/", "/silence/"])
def test_a_server_that_dawdles_is_left(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy, path: str
) -> None:
    with ImageFetcher(storage, replace(limits, total_seconds=0.4), policy) as fetcher:
        fetcher.submit(1, site.url(path))
        download = collect(fetcher)[1]
    assert download.outcome == "timeout"


def test_a_drip_below_the_slowest_speed_is_left_long_before_the_total_time(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    with ImageFetcher(storage, replace(limits, read_seconds=1, total_seconds=3600), policy) as fetcher:
        fetcher.submit(1, site.url("/drip/"))
        download = collect(fetcher)[1]
    assert download.outcome == "timeout"
    assert "too slow" in download.detail


def test_waiting_in_line_burns_no_time_of_the_transfer(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    limits = replace(limits, per_host=1, total_seconds=1.0)
    with ImageFetcher(storage, limits, policy) as fetcher:
        for number in range(12):  # at 100 ms each the last waits for longer than its own time allows
            fetcher.submit(number, site.url(f"/nap/{number}"))
        outcomes = {download.outcome for download in collect(fetcher).values()}
    assert outcomes == {"stored"}
    assert site.most_busy == 1


def test_a_closed_port_is_refused_and_an_unknown_name_is_dns(storage: ImageStorage, limits: FetchLimits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with ImageFetcher(storage, limits, AddressPolicy(["127.0.0.1"])) as fetcher:
        fetcher.submit("refused", f"http://127.0.0.1:{port}/")
        fetcher.submit("dns", "http://no-such-host.invalid/a.jpg")
        found = collect(fetcher)
    assert {ticket: download.outcome for ticket, download in found.items()} == {"refused": "refused", "dns": "dns"}
    assert found["refused"].http_status is None


def test_a_server_without_tls_is_a_tls_failure(site: Site, fetch: Fetch) -> None:
    assert fetch(site.url("/image/1").replace("http:", "https:")).outcome == "tls"


def test_a_certificate_is_checked_against_those_that_are_trusted(
    tmp_path: Path, storage: ImageStorage, limits: FetchLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    make_certificate(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                connection, _peer = listener.accept()
                connection.settimeout(5)
                try:
                    with context.wrap_socket(connection, server_side=True) as secured:
                        none = (b"404 Not Found", b"no rules")
                        for status, body in (none, none, (b"200 OK", picture(3))):
                            secured.recv(4096)
                            head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
                            secured.sendall(head + body)
                except OSError:
                    connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        outcomes = []
        for trusted in (None, tmp_path / "server.pem"):
            if trusted is not None:
                monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
            with ImageFetcher(storage, limits, AddressPolicy([f"127.0.0.1:{port}"])) as fetcher:
                fetcher.submit(1, f"https://127.0.0.1:{port}/")
                outcomes.append(collect(fetcher)[1])
        thread.join(10)
    assert outcomes[0].outcome == "tls"
    assert "certificate" in outcomes[0].detail
    assert outcomes[1].outcome == "stored"


@pytest.mark.parametrize("url", ["", "no address", "ftp://example.com/a.jpg", "file:///etc/passwd", "http://u:p@x/"])
def test_what_is_no_web_address_is_a_bad_url(fetch: Fetch, url: str) -> None:
    download = fetch(url)
    assert (download.outcome, download.url, download.final_url) == ("bad_url", url, "")
    assert download.detail


def test_two_hundred_at_once_all_arrive(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    with ImageFetcher(storage, replace(limits, concurrency=200, per_host=200), policy) as fetcher:
        for number in range(400):  # the site answers when 200 are asking
            fetcher.submit(number, site.url(f"/together/{number}"))
        found = collect(fetcher)
    assert {download.outcome for download in found.values()} == {"stored"}
    assert {n: d.sha256 for n, d in found.items()} == {n: hashlib.sha256(picture(n)).hexdigest() for n in range(400)}
    assert site.most_busy == 200


def test_sockets_beyond_file_descriptor_1024_work(site: Site, fetch: Fetch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1500 if hard == resource.RLIM_INFINITY else min(1500, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    taken: list[int] = []
    try:
        while not taken or taken[-1] < 1100:
            taken.append(os.dup(0 if not taken else taken[0]))
        download = fetch(site.url("/slow/1"))
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert download.outcome == "stored"


def test_one_host_never_gets_more_than_its_share(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    with ImageFetcher(storage, replace(limits, concurrency=50, per_host=3), policy) as fetcher:
        for number in range(30):
            fetcher.submit(number, site.url(f"/slow/{number}"))
        assert len(collect(fetcher)) == 30
    assert site.most_busy == 3
    assert site.connections == 3


def test_connections_are_kept_also_after_an_error_page(site: Site, fetcher: ImageFetcher) -> None:
    for number, path in enumerate(["/image/1", "/status/404", "/page/", "/image/2", "/empty/", "/hop/2"] * 3):
        fetcher.submit(number, site.url(path))
        collect(fetcher)
    assert site.connections == 1


def test_a_cookie_is_not_sent_back(site: Site, fetcher: ImageFetcher) -> None:
    for number in range(3):
        fetcher.submit(number, site.url("/cookie/"))
        collect(fetcher)
    assert [("cookie" in headers) for _, headers in site.requests] == [False] * 3


def test_a_proxy_of_the_environment_is_not_used(site: Site, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(site.url("/image/1")).outcome == "stored"


def test_there_is_room_until_the_line_is_full(site: Site, storage: ImageStorage, limits: FetchLimits) -> None:
    policy = AddressPolicy([f"127.0.0.1:{site.port}"])
    with ImageFetcher(storage, replace(limits, concurrency=2), policy) as fetcher:
        room = fetcher.room
        assert room >= 2
        for number in range(room):
            fetcher.submit(number, site.url(f"/image/{number}"))
        assert (fetcher.room, fetcher.in_flight) == (0, room)
        with pytest.raises(RuntimeError, match="no room"):
            fetcher.submit("more", site.url("/image/1"))
        assert len(collect(fetcher)) == room
        assert (fetcher.room, fetcher.in_flight) == (room, 0)
        assert fetcher.pump(0.0) == []


def test_closing_aborts_what_is_in_flight_and_leaves_no_draft(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    fetcher = ImageFetcher(storage, limits, policy)
    fetcher.submit(1, site.url("/image/1"))
    kept = collect(fetcher)[1]
    assert kept.draft is not None
    for number in range(5):
        fetcher.submit(number, site.url("/silence/"))
    assert fetcher.pump(0.05) == []
    fetcher.close()
    fetcher.close()
    assert not kept.draft.exists()
    assert list(storage.drafts_folder.iterdir()) == []
    with pytest.raises(RuntimeError, match="closed"):
        fetcher.submit(1, site.url("/image/1"))
    with pytest.raises(RuntimeError, match="closed"):
        fetcher.pump(0.1)


def test_a_discarded_image_leaves_no_draft(site: Site, fetch: Fetch) -> None:
    download = fetch(site.url("/image/1"))
    draft = download.draft
    assert draft is not None
    download.discard()
    download.discard()
    assert not draft.exists()


def test_a_disk_that_takes_no_drafts_is_an_error_of_this_machine(site: Site, fetcher: ImageFetcher) -> None:
    folder = next(iter(fetcher._drafts.path.parent.iterdir()))
    folder.rmdir()
    fetcher.submit(1, site.url("/image/1"))
    with pytest.raises(FileNotFoundError):
        collect(fetcher)


def test_local_files_are_read_like_any_other(tmp_path: Path, fetcher: ImageFetcher, storage: ImageStorage) -> None:
    (tmp_path / "a ü.jpg").write_bytes(picture(1))
    (tmp_path / "b.png").write_bytes(b"only text")
    (tmp_path / "c.jpg").write_bytes(b"")
    (tmp_path / "d.jpg").write_bytes(picture() + b"\0" * 1_500_000)
    (tmp_path / "e.jpg").mkdir()
    os.mkfifo(tmp_path / "f.jpg")
    names = ["a ü.jpg", "b.png", "c.jpg", "d.jpg", "e.jpg", "f.jpg", "none.jpg", "a ü.jpg/x"]
    for name in names:
        fetcher.submit_file(name, tmp_path / name)
    found = collect(fetcher)
    assert {name: found[name].outcome for name in names} == {
        "a ü.jpg": "stored",
        "b.png": "not_an_image",
        "c.jpg": "empty",
        "d.jpg": "too_large",
        "e.jpg": "file_forbidden",
        "f.jpg": "file_forbidden",
        "none.jpg": "file_missing",
        "a ü.jpg/x": "file_missing",
    }
    image = found["a ü.jpg"]
    assert image.url.startswith("file:///")
    assert image.draft is not None
    key = store(storage, image.draft, image.sha256)
    assert Path(storage.path(key)).read_bytes() == (tmp_path / "a ü.jpg").read_bytes() == picture(1)


def test_every_outcome_has_a_sentence() -> None:
    assert all(outcome.description.endswith(".") for outcome in Outcome)
    assert not is_transient(Outcome.BLOCKED_ADDRESS)
    assert not is_transient("http_404")
    assert is_transient(Outcome.TIMEOUT)
