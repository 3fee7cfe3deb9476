"""Sites on servers that are a test's own, so that these may be stopped, emptied and filled up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.faults.database import Database
from tests.faults.servers import OwnPostgres, OwnRedis
from tests.faults.services.visitor import Visitor
from tests.faults.site import QUICK, Ground, Site
from tests.picture_server import PictureServer, make_pictures, serve

MEMBERS = ("web", "dispatcher", "worker", "beat")


@contextmanager
def own_redis(ground: Ground) -> Iterator[OwnRedis]:
    """Lend a Redis of the test's own."""
    redis = OwnRedis(ground.folder / f"redis-{time.monotonic_ns()}")
    try:
        redis.start()
        yield redis
    finally:
        redis.stop()


@contextmanager
def own_postgres(settings: Sequence[str] = ()) -> Iterator[OwnPostgres]:
    """Lend a PostgreSQL of the test's own.

    Args:
        settings: lines for its configuration.
    """
    postgres = OwnPostgres()
    try:
        postgres.make()
        with (postgres.data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{line}\n" for line in settings)
        postgres.start()
        yield postgres
    finally:
        postgres.close()


@contextmanager
def postgres_site(ground: Ground, postgres: OwnPostgres, settings: Mapping[str, str] = QUICK) -> Iterator[Site]:
    """Lend a site on that server, with the ground's broker."""
    folder = ground.folder / f"postgres-site-{postgres.port}"
    data = folder / "data"
    data.mkdir(parents=True, mode=0o700)
    ground.migrate(postgres.url, data)
    variables = {**ground.environment(data, postgres.url, ground.redis_url), **settings}
    site = Site(folder, variables, Database(postgres.url, data))
    try:
        yield site
    finally:
        site.close()
        ground.forget_keys(site.environment)


@contextmanager
def pictures(count: int = 4) -> Iterator[PictureServer]:
    """Serve pictures for crawls."""
    with serve(make_pictures(count)) as web:
        yield web


def fetching(web: PictureServer) -> dict[str, str]:
    """Return the settings under which a site may fetch them."""
    return {"PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{web.port}", "PIXTASKS_RATE_LIMITS": "engine:urls=0/60"}


def open_for_work(
    site: Site, web: PictureServer | None, *, jobs: int, beat: bool = False, gathers: bool = False
) -> Visitor:
    """Start a site's processes and prepare somebody who asks for work, in dialect G, too, where ``gathers``."""
    url = site.fleet.web()
    site.fleet.dispatcher()
    site.fleet.worker(slots=2)
    if beat:
        site.fleet.beat()
    site.until_workers()
    visitor = Visitor(site, url, web)
    visitor.prepare(jobs)
    visitor.gathers = gathers
    return visitor


def ended_processes(site: Site, *names: str) -> dict[str, list[int]]:
    """Return the exit codes of a site's processes that have ended, by name."""
    return {name: codes for name in names if (codes := site.fleet.ends(name))}
