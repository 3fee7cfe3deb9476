"""T3, T4, T6: a broker that forgets, restarts, or delivers too often."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from tests.faults.auditor import audit
from tests.faults.database import seconds
from tests.faults.outcome import Ground, Outcome
from tests.faults.servers import OwnRedis
from tests.faults.site import QUICK, Site
from tests.processes.tree import wait_for


@contextmanager
def _own_redis(ground: Ground) -> Iterator[OwnRedis]:
    ground.folder.mkdir(exist_ok=True)
    redis = OwnRedis(ground.folder / f"redis-{time.monotonic_ns()}")
    redis.start()
    try:
        yield redis
    finally:
        redis.stop()


def wiped(
    ground: Ground, *, times: int = 1, tasks: int = 16, slots: int = 4, settings: Mapping[str, str] = QUICK
) -> Outcome:
    """Empty the broker while messages wait in it; everything still runs, once."""
    outcome = Outcome()
    with ExitStack() as stack:
        redis = stack.enter_context(_own_redis(ground)) if ground.redis_url else None
        site = stack.enter_context(ground.site(settings, redis_url=redis.url if redis else ""))
        site.fleet.dispatcher()
        site.fleet.worker(slots=slots)
        site.until_workers()
        accepted: list[int] = []
        caught = 0
        for _ in range(times):
            one = {"items": 20, "pause": 0.01}
            accepted += site.submit("faults.count", [one] * (slots // 2))["tasks"]
            wait_for(lambda: site.database.value(_RUNNING) > 0, "tasks running", seconds=60)
            # Until it is there again nobody takes anything, and it is not yet missed: messages wait.
            site.fleet.send(site.fleet.pid("worker"))
            accepted += site.submit("faults.count", [one] * tasks)["tasks"]
            wait_for(lambda: site.database.rows(_OUTSTANDING), "messages waiting", seconds=30)
            outstanding = {row[0] for row in site.database.rows(_OUTSTANDING)}
            before = time.time()
            if redis:
                redis.wipe()
            else:
                for message in (site.data / "broker" / "messages").iterdir():
                    message.unlink(missing_ok=True)
            caught += len(outstanding)
            outcome.expect(
                site.until_all_ended(90 + 4 * site.lease), "not everything ended after the broker was emptied"
            )
            started = _started(site)
            outcome.recovery.append(min((at for at in started if at > before), default=before + 999) - before)
        outcome.take(audit(site, accepted=accepted))
        outcome.bound(max(outcome.recovery) <= 65, f"flowing only after {max(outcome.recovery):.0f} s")
        outcome.done = (
            f"{times} times emptied, {len(accepted)} tasks, {caught} messages outstanding, lease {site.lease:g} s"
        )
    return outcome


_RUNNING = "SELECT count(*) FROM task_list WHERE status = 'running'"
_OUTSTANDING = "SELECT id FROM task_list WHERE status = 'pending' AND published_at IS NOT NULL"


def _started(site: Site) -> list[float]:
    return sorted(
        seconds(at) for (at,) in site.database.rows("SELECT created_at FROM tasktypes_taskevent WHERE type = 'started'")
    )


def restarted(
    ground: Ground, *, times: int = 1, tasks: int = 30, slots: int = 2, settings: Mapping[str, str] = QUICK
) -> Outcome:
    """Restart Redis while tasks run; the worker goes on by itself."""
    outcome = Outcome()
    with _own_redis(ground) as redis, ground.site(settings, redis_url=redis.url) as site:
        site.fleet.dispatcher()
        site.fleet.worker(slots=slots)
        site.until_workers()
        accepted: list[int] = []
        for _ in range(times):
            accepted += site.submit("faults.count", [{"items": 40, "pause": 0.01}] * tasks)["tasks"]
            wait_for(lambda: site.database.value(_RUNNING) > 0, "tasks running", seconds=60)
            redis.stop()
            time.sleep(0.5)
            redis.start()
            back = time.time()
            outcome.expect(site.until_all_ended(120 + 4 * site.lease), "not everything ended after Redis was restarted")
            outcome.recovery.append(min((at for at in _started(site) if at > back), default=back + 999) - back)
        outcome.expect(not site.fleet.ends("worker"), "the worker's main process ended")
        outcome.take(audit(site, accepted=accepted))
        outcome.bound(max(outcome.recovery) <= 30, f"consuming only after {max(outcome.recovery):.0f} s")
        outcome.done = f"{times} restarts of Redis, {len(accepted)} tasks, lease {site.lease:g} s"
    return outcome


def repeated(
    ground: Ground, *, tasks: int = 12, seconds_each: float = 4, visibility: float = 2, copies: int = 3,
    settings: Mapping[str, str] = QUICK,
) -> Outcome:  # fmt: skip
    """Deliver every message several times, and again while its task still runs; each task runs once."""
    outcome = Outcome()
    more = {"FAULTS_COPIES": str(copies), "FAULTS_VISIBILITY_SECONDS": str(visibility)}
    with ground.site({**settings, **more}) as site:
        site.fleet.dispatcher()
        site.fleet.worker(slots=4)
        site.until_workers()
        accepted = site.submit("faults.count", [{"items": 6, "pause": 0.2}] * tasks)["tasks"]
        items = int(seconds_each / 0.1)
        accepted += site.submit("faults.count", [{"items": items, "pause": 0.1}] * 2)["tasks"]
        outcome.expect(site.until_all_ended(60 + 3 * seconds_each), "not everything ended")
        outcome.take(audit(site, accepted=accepted))
        runs = Counter(int(words[0]) for words in site.log_lines("runs.log"))
        twice = [task for task, n in runs.items() if n > 1]
        outcome.expect(not twice, f"tasks ran twice: {twice}")
        deliveries = len(site.log_lines("deliveries.log"))
        rings = int(site.database.value("SELECT sum(rings) FROM task_list"))
        outcome.expect(deliveries >= 2 * rings, f"{deliveries} deliveries of {rings} messages: hardly any was repeated")
        outcome.done = (
            f"{deliveries} deliveries of {rings} messages for {len(accepted)} tasks; visibility {visibility:g} s, "
            f"longest task {seconds_each:g} s"
        )
    return outcome
