"""T12: a database that is down, a disk that is full, a webhook receiver that does not answer."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from pixtasks.common.signing import ID_HEADER
from tests.faults.auditor import audit
from tests.faults.database import Database
from tests.faults.fleet import Fleet
from tests.faults.outcome import Ground, Outcome
from tests.faults.servers import OwnPostgres, free_port
from tests.faults.site import QUICK, Site
from tests.images import encode
from tests.picture_server import make_pictures, serve
from tests.processes.tree import wait_for


@contextmanager
def _site_on_own_postgres(ground: Ground, settings: Mapping[str, str]) -> Iterator[tuple[Site, OwnPostgres]]:
    postgres = OwnPostgres()
    try:
        postgres.make()
        postgres.start()
        folder = ground.folder / f"postgres-{postgres.port}"
        data = folder / "data"
        data.mkdir(parents=True, mode=0o700)
        ground.migrate(postgres.url, data)
        variables = ground.environment(data, postgres.url, ground.redis_url)
        site = Site(folder, {**variables, **settings}, Database(postgres.url, data))
        try:
            yield site, postgres
        finally:
            site.close()
            ground.forget_keys(site.environment)
    finally:
        postgres.close()


def database_down(
    ground: Ground, *, times: int = 1, down: float = 1.5, tasks: int = 8, settings: Mapping[str, str] = QUICK
) -> Outcome:
    """Take the database away under load: 503 and never a false success; afterwards everything accepted is done."""
    outcome = Outcome()
    with _site_on_own_postgres(ground, settings) as (site, postgres):
        url = f"{site.fleet.web()}/tasks/faults.count"
        site.fleet.dispatcher()
        site.fleet.worker(slots=2)
        site.until_workers()
        accepted: list[int] = []
        refused: Counter[int] = Counter()

        def post() -> int:
            body = {"payload": {"items": 20, "pause": 0.02, "token": str(len(accepted) + refused.total())}}
            status, answer = site.call(url, body)
            if status == 201:
                accepted.append(answer["id"])
            else:
                refused[status] += 1
            return status

        wait_for(lambda: post() == 201, "the first task accepted", seconds=60)
        for _ in range(times):
            for _ in range(tasks):
                post()
            refused.clear()
            postgres.stop()
            until = time.monotonic() + down
            while time.monotonic() < until:
                outcome.expect(post() != 201, "a task was accepted without a database")
            outcome.expect(set(refused) == {503}, f"without a database requests were answered {dict(refused)}")
            postgres.start()
            back = time.monotonic()
            wait_for(lambda: post() == 201, "a task accepted after the database came back", seconds=60)
            outcome.expect(site.until_all_ended(90 + 4 * site.lease), "not everything accepted was done")
            outcome.recovery.append(time.monotonic() - back)
        ends = {name: site.fleet.ends(name) for name in ("web", "dispatcher", "worker") if site.fleet.ends(name)}
        outcome.expect(not ends, f"processes ended with the database: {ends}")
        outcome.take(audit(site, accepted=accepted))
        outcome.done = f"{times} times down for {down:g} s, {len(accepted)} accepted, refused {dict(refused)}"
    return outcome


def disk_full(ground: Ground, *, pictures: int = 6, settings: Mapping[str, str] = QUICK) -> Outcome:
    """Let the worker's disk take no more of a large picture; no part of it is ever seen, and later it is stored."""
    outcome = Outcome()
    side = 1500
    noise = Image.frombytes("RGB", (side, side), os.urandom(3 * side * side))
    served = {**make_pictures(pictures), "/p/large.png": encode(noise, "png", compress_level=1)}
    limit = 5_000_000
    with serve(served) as web, ground.site({**settings, "PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{web.port}"}) as site:
        site.fleet.dispatcher()
        site.fleet.worker(slots=2)
        site.until_workers()
        _limit_files(site.fleet, limit)
        crawl = site.control("crawl", urls=web.urls)
        told = (
            "SELECT count(*) FROM tasktypes_taskevent e JOIN task_list t ON t.id = e.task_id "
            f"WHERE e.type = 'retrying' AND t.group_id = {crawl['group']}"
        )
        wait_for(lambda: site.database.value(told) > 0, "the full disk told", seconds=60)
        error = site.database.value(f"SELECT error_message FROM task_list WHERE group_id = {crawl['group']}")
        outcome.expect("File too large" in str(error), f"the error does not name the disk: {error}")
        outcome.take(audit(site, unfinished=True))
        whole = {path.name for path in (site.data / "images").glob("??/??/*")}
        outcome.expect(whole <= web.digests, "a part of a picture is visible")
        _limit_files(site.fleet, resource.RLIM_INFINITY)
        freed = time.monotonic()
        outcome.expect(site.until_all_ended(90), "the crawl has not ended")
        outcome.recovery = [time.monotonic() - freed]
        outcome.take(audit(site))
        stored = {row[0] for row in site.database.rows("SELECT sha256 FROM jobs_image")}
        outcome.expect(stored == web.digests, f"{len(stored)} of {len(web.digests)} pictures were stored")
        outcome.done = f"a file of {len(served['/p/large.png']) / 1e6:.0f} MB where {limit / 1e6:g} MB fit, then room"
    return outcome


def _limit_files(fleet: Fleet, limit: int) -> None:
    """Let the worker's processes write files of that size at most; those it starts later inherit it."""
    for pid in [fleet.pid("worker"), *fleet.pool()]:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))


@contextmanager
def _receiver(port: int, seen: Counter[str]) -> Iterator[None]:
    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen[self.headers[ID_HEADER]] += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Receive)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def receiver_down(ground: Ground, *, down: float = 1, tasks: int = 5, settings: Mapping[str, str] = QUICK) -> Outcome:
    """Let nobody take the webhooks for a while; each arrives afterwards, under one id."""
    outcome = Outcome()
    port = free_port()
    seen: Counter[str] = Counter()
    more = {"PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{port}"}
    with ExitStack() as stack:
        site = stack.enter_context(ground.site({**settings, **more}))
        site.fleet.dispatcher()
        site.fleet.worker(slots=2)
        site.until_workers()
        site.control("endpoint", url=f"http://127.0.0.1:{port}/hook")
        site.submit("faults.count", [{"items": 2}] * tasks, owned=True)
        tried = "SELECT count(*) FROM webhook_deliveries WHERE attempts <> '[]'"
        wait_for(lambda: site.database.value(tried.replace("attempts", _text(site))) == tasks, "all tried", seconds=60)
        time.sleep(down)
        stack.enter_context(_receiver(port, seen))
        up = time.monotonic()
        # After a longer outage the next try may be the last but one delay away.
        outcome.expect(site.until_all_ended(60 + 4 * down), "not all webhooks have been delivered")
        outcome.recovery = [time.monotonic() - up]
        outcome.take(audit(site))
        made = {str(row[0]).replace("-", "") for row in site.database.rows("SELECT event_id FROM webhook_deliveries")}
        outcome.expect({key.replace("-", "") for key in seen} == made, f"{len(seen)} of {len(made)} webhooks arrived")
        outcome.duplicated = (outcome.duplicated or 0) + seen.total() - len(seen)
        outcome.done = f"receiver down for {down:g} s, {len(made)} webhooks, {seen.total()} requests"
    return outcome


def _text(site: Site) -> str:
    return "attempts::text" if site.database.url else "attempts"
