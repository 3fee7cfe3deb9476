"""How much the guarded fetch with durable storage costs over a bare libcurl loop, measured in one run over loopback.

    python benchmarks/fetch.py [--images 2000] [--rounds 3] [--concurrency 64] [--sync-every 400]

One other process serves the images from memory. Each round fetches all of them three times, in changing order:

* bare: a ``CurlMulti`` loop that throws the bytes away;
* naive: the same loop with a sha256 and one plain write per file, nothing checked and nothing synced;
* guarded: ``ImageFetcher`` with every guard on, sha256, sniffing, header, drafts, and ``store_batch`` every
  ``--sync-every`` images.

It prints the median of each and the ratios; only those can be compared between machines. The first rounds on a fresh
virtual machine are slow because the host has to find memory for the page cache: use ``--rounds 5`` there.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import multiprocessing
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import numpy as np
import pycurl
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from django.conf import settings

from jobs.fetch.images import FetchLimits, ImageFetcher
from jobs.fetch.storage import ImageStorage, store_batch
from pixtasks.common.net.guard import AddressPolicy


def make_images(count: int) -> list[bytes]:
    """Return distinct JPEGs of about 91 KB: eight seeded pictures, each with a counter behind its end."""
    pictures = []
    generator = np.random.default_rng(1)
    for _ in range(8):
        noise = generator.integers(0, 255, (52, 70, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).resize((880, 660), Image.Resampling.BICUBIC).save(file, "JPEG", quality=75)
        pictures.append(file.getvalue())
    return [pictures[number % 8] + number.to_bytes(8, "big") for number in range(count)]


class Answers(asyncio.Protocol):
    """Answers ``GET /<number>`` with that image, connections kept."""

    images: list[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without saying so
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while b"\r\n\r\n" in self.pending:
            request, _, self.pending = self.pending.partition(b"\r\n\r\n")
            path = request.split(b" ", 2)[1]
            if path in (b"/robots.txt", b"/.well-known/tdmrep.json"):
                self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                continue
            body = self.images[int(path[1:])]
            head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.transport.writelines((head, body))


def serve(count: int, pipe: Connection) -> None:
    """Serve until the process is terminated; send the port first."""

    async def run() -> None:
        Answers.images = make_images(count)
        server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    import uvloop

    uvloop.run(run())


class Receiver:
    """What the bare and the naive loop do with the bytes."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.curl = curl = pycurl.Curl()
        curl.setopt(pycurl.WRITEFUNCTION, len if folder is None else self.write)
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.BUFFERSIZE, 262_144)

    def begin(self, url: str) -> pycurl.Curl:
        self.hash = hashlib.sha256()
        self.chunks: list[bytes] = []
        self.curl.setopt(pycurl.URL, url)
        return self.curl

    def write(self, chunk: bytes) -> None:
        self.hash.update(chunk)
        self.chunks.append(chunk)

    def finish(self) -> None:
        if self.folder is not None:
            name = self.hash.hexdigest()
            path = self.folder / name[:2] / name[2:4] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(self.chunks))


def plain(urls: list[str], concurrency: int, folder: Path | None = None) -> None:
    """Fetch with nothing but libcurl, and write the files where there is a folder."""
    multi = pycurl.CurlMulti()
    free = [Receiver(folder) for _ in range(concurrency)]
    owners = {receiver.curl: receiver for receiver in free}
    waiting = list(reversed(urls))
    left = len(urls)
    while left:
        while free and waiting:
            multi.add_handle(free.pop().begin(waiting.pop()))
        multi.perform()
        more = 1
        while more:
            more, good, bad = multi.info_read()
            assert not bad, bad
            for curl in good:
                multi.remove_handle(curl)
                owners[curl].finish()
                free.append(owners[curl])
            left -= len(good)
        if left:
            multi.select(1.0)


def guarded(urls: list[str], concurrency: int, folder: Path, sync_every: int, policy: AddressPolicy) -> None:
    """Fetch, check, hash and store durably."""
    storage = ImageStorage(location=folder)
    limits = FetchLimits(concurrency=concurrency, per_host=concurrency)
    waiting = list(reversed(urls))
    landed: list[tuple[Path, str]] = []
    with ImageFetcher(storage, limits, policy) as fetcher:
        while waiting or fetcher.in_flight:
            for _ in range(min(fetcher.room, len(waiting))):
                fetcher.submit(None, waiting.pop())
            for download in fetcher.pump(0.1):
                assert download.draft is not None, download
                landed.append((download.draft, download.sha256))
            if len(landed) >= sync_every:
                store_batch(storage, landed)
                landed.clear()
        store_batch(storage, landed)


def measure(run: Callable[[], None], count: int) -> tuple[float, float]:
    """Return images per second and CPU seconds per 1,000 images."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return count / (time.perf_counter() - wall), (time.process_time() - cpu) * 1000 / count


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--sync-every", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="where the images are stored meanwhile (default: temporary)")
    options = parser.parse_args()
    count = min(options.images, 20_000)
    settings.configure()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(count, theirs), daemon=True)
    server.start()
    root = Path(tempfile.mkdtemp(prefix="pixtasks-fetch-", dir=options.folder))
    try:
        if not ours.poll(60):
            raise SystemExit("the server did not start")
        port = ours.recv()
        urls = [f"http://127.0.0.1:{port}/{number}" for number in range(count)]
        policy = AddressPolicy([f"127.0.0.1:{port}"])
        plain(urls[:200], options.concurrency)
        figures: dict[str, list[tuple[float, float]]] = {"bare": [], "naive": [], "guarded": []}
        for number in range(min(options.rounds, 20)):
            naive_folder, folder = root / f"naive-{number}", root / f"guarded-{number}"
            runs: dict[str, Callable[[], None]] = {
                "bare": partial(plain, urls, options.concurrency),
                "naive": partial(plain, urls, options.concurrency, naive_folder),
                "guarded": partial(guarded, urls, options.concurrency, folder, options.sync_every, policy),
            }
            for name in random.sample(sorted(runs), len(runs)):
                figures[name].append(measure(runs[name], count))
            stored = sum(1 for path in folder.rglob("*") if path.is_file())
            assert stored == count, f"{stored} of {count} stored"
        speed = {name: statistics.median(rate for rate, _ in values) for name, values in figures.items()}
        for name, values in figures.items():
            cpu = statistics.median(seconds for _, seconds in values)
            print(f"{name:8} {speed[name]:8.0f} images/s   {cpu:6.3f} CPU s per 1,000")
        print(f"guarded / bare: {speed['guarded'] / speed['bare']:.2f}", end="   ")
        print(f"guarded / naive: {speed['guarded'] / speed['naive']:.2f}", end="   ")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"peak memory {memory} MB")
    finally:
        server.terminate()
        server.join(10)
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
