"""A crawl of distinct JPEGs through the whole product: public API → workers → rows and files, every guard on.

    python -m benchmarks.crawl [--count 2000] [--engines urls,site] [--latency-ms 0]

Starts an installation of its own (with DATABASE_URL and REDIS_URL: on these), serves the pictures from loopback by
nginx where it is installed, else by Python, crawls them once per engine, and checks every row and file against the
pictures. Figures are ratios against curl's own parallel download in the same run; only the rate limits are off.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.picture_server import PictureServer, make_pictures, serve
from tests.processes.client import ApiUser
from tests.processes.stack import Stack, running_stack
from tests.processes.tree import wait_for

PER_PAGE = 200


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--engines", default="urls,site")
    options = parser.parse_args()
    console = Console()
    console.print(f"making {options.count} distinct JPEGs …")
    pictures = make_pictures(options.count)
    with tempfile.TemporaryDirectory(prefix="pixtasks-bench-") as name:
        folder = Path(name)
        with served(pictures, folder / "web") as (port, server), started(folder, port) as (stack, user):
            table = Table(
                "what", "images", "seconds", "images/s", "worker MB before → after", title=f"served by {server}"
            )
            seconds = curl_parallel(port, pictures, folder)
            table.add_row("curl --parallel, no product", str(len(pictures)), f"{seconds:.2f}", _rate(pictures, seconds))
            for engine in options.engines.split(","):
                table.add_row(f"engine {engine}", *crawl(stack, user, engine, port, pictures))
            console.print(table)


@contextmanager
def started(folder: Path, port: int) -> Iterator[tuple[Stack, ApiUser]]:
    """Start an installation that may fetch from that port of loopback."""
    home = folder / "product"
    home.mkdir()
    environment = {
        "PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{port}",
        "PIXTASKS_RATE_LIMITS": "engine:*=0/60",
        "PIXTASKS_FETCH_PER_HOST": "64",
    }
    with running_stack(home, environment) as stack:
        yield stack, ApiUser(stack)
        stack.stop()


def crawl(stack: Stack, user: ApiUser, engine: str, port: int, pictures: dict[str, bytes]) -> tuple[str, str, str, str]:
    """Crawl everything by one engine, check it, and return the table's cells."""
    root = f"http://127.0.0.1:{port}"
    pages = -(-len(pictures) // PER_PAGE)
    options: dict[str, Any] = {
        "urls": {"urls": [f"{root}{path}" for path in pictures]},
        "site": {"url": f"{root}/gallery/0", "max_pages": pages},
    }
    before = memory(stack)
    job_id = user.new_job(keywords=["pictures"], engines=[engine], max_images=10_000, options={engine: options[engine]})
    began = time.perf_counter()
    user.post(f"/api/v1/jobs/{job_id}/start")
    wait_for(lambda: user.progress(job_id)["status"] not in ("pending", "running"), "end of the crawl", seconds=600)
    seconds = time.perf_counter() - began
    check(stack, user, job_id, pictures)
    return str(len(pictures)), f"{seconds:.2f}", _rate(pictures, seconds), f"{before:.0f} → {memory(stack):.0f}"


def check(stack: Stack, user: ApiUser, job_id: int, pictures: dict[str, bytes]) -> None:
    """Compare rows, files and counters with what was served.

    Raises:
        SystemExit: something is missing, surplus or different.
    """
    wanted = {hashlib.sha256(data).hexdigest() for data in pictures.values()}
    rows = [image["sha256"] for image in user.images(job_id)]
    files = {path.name: path for path in (stack.data / "images").glob("??/??/*") if path.is_file()}
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()}
    job = user.get(f"/api/v1/jobs/{job_id}")
    if not (len(rows) == len(wanted) == job["downloaded_images"] and set(rows) == wanted == set(files) == hashes):
        raise SystemExit(f"wrong: {len(rows)} rows, {len(files)} files, job {job}")


def memory(stack: Stack) -> float:
    """Return the largest resident memory of a pool child, in megabytes."""
    sizes = [0]
    for pid in stack.pool():
        try:
            sizes.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096)
        except (OSError, IndexError):
            continue
    return max(sizes) / 1e6


@contextmanager
def served(pictures: dict[str, bytes], folder: Path) -> Iterator[tuple[int, str]]:
    """Serve the pictures and a gallery of pages from loopback; yield the port and the server's name."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
    if nginx is None:
        with serve(pictures, per_page=PER_PAGE) as web:
            yield web.port, "Python"
        return
    pages = PictureServer(pictures, per_page=PER_PAGE)
    for path, data in pictures.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (folder / "gallery").mkdir()
    for number in range(-(-len(pictures) // PER_PAGE)):
        (folder / "gallery" / str(number)).write_bytes(pages.page(number))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    server = subprocess.Popen([nginx, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")])
    try:
        wait_for(lambda: _answers(port), "nginx", seconds=10)
        yield port, "nginx"
    finally:
        server.terminate()
        server.wait(timeout=10)


_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000; types {{ image/jpeg jpg; }} default_type text/html;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def curl_parallel(port: int, pictures: dict[str, bytes], folder: Path) -> float:
    """Return the seconds that curl needs for the same pictures, 64 at a time; 0 where curl is not installed."""
    curl = shutil.which("curl")
    if curl is None:
        return 0.0
    target = folder / "curl"
    target.mkdir()
    plan = folder / "curl.conf"
    plan.write_text(
        "\n".join(
            f'url = "http://127.0.0.1:{port}{path}"\noutput = "{target}/{number}"'
            for number, path in enumerate(pictures)
        )
    )
    began = time.perf_counter()
    subprocess.run([curl, "-s", "--parallel", "--parallel-max", "64", "-K", str(plan)], check=True)
    return time.perf_counter() - began


def _rate(pictures: dict[str, bytes], seconds: float) -> str:
    return f"{len(pictures) / seconds:.0f}" if seconds else "–"


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
