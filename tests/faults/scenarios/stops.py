"""T5: workers that are stopped and go on. T10: tasks that hang. T11: everything twice, and SIGTERM."""

from __future__ import annotations

import random
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.faults.auditor import audit
from tests.faults.database import seconds
from tests.faults.outcome import Ground, Outcome
from tests.faults.site import QUICK, Site
from tests.processes.tree import wait_for


def stopped_workers(
    ground: Ground, *, times: int = 2, slots: int = 2, seed: int = 3, settings: Mapping[str, str] = QUICK
) -> Outcome:
    """Stop one of two workers for three leases; what it goes on with when it is continued must not count."""
    chance = random.Random(seed)
    outcome = Outcome()
    with ground.site({**settings, "PIXTASKS_MAX_CRASHES": "1000"}) as site:
        site.fleet.dispatcher()
        names = ("one", "two")
        for name in names:
            site.fleet.worker(name, slots=slots)
        site.until_workers(len(names))
        accepted: list[int] = []
        taken_away = 0
        for _ in range(times):
            one = {"items": 40, "pause": 0.05, "at_a_time": 2}
            accepted += site.submit("faults.count", [one] * 3 * slots)["tasks"]
            name = chance.choice(names)
            held = f"SELECT count(*) FROM task_list WHERE status = 'running' AND worker LIKE '{name}@%'"
            wait_for(lambda held=held: site.database.value(held) > 0, f"worker {name} at work", seconds=60)
            pids = [site.fleet.pid(name), *site.fleet.pool(name)]
            for pid in pids:
                site.fleet.send(pid, signal.SIGSTOP)
            try:
                time.sleep(3 * site.lease)
            finally:
                for pid in pids:
                    site.fleet.send(pid, signal.SIGCONT)
            outcome.expect(site.until_all_ended(90 + 4 * site.lease), "not everything ended")
        found = audit(site, accepted=accepted)
        taken_away = len(found.recovery)
        outcome.take(found)
        outcome.recovery = found.recovery
        outcome.expect(taken_away > 0, "no task was taken from a stopped worker: nothing was tried")
        outcome.done = f"{times} stops of {3 * site.lease:g} s, {taken_away} tasks taken away, lease {site.lease:g} s"
    return outcome


@contextmanager
def dripping() -> Iterator[str]:
    """Serve an answer that never ends, a byte now and then."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            try:
                if connection.recv(4096).startswith((b"GET /robots.txt ", b"GET /.well-known/tdmrep.json ")):
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n")
                while not ended.wait(0.2):
                    connection.sendall(b"\xff")
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.close()


def hangs(ground: Ground, *, each: int = 1, slots: int = 3, settings: Mapping[str, str] = QUICK) -> Outcome:
    """Tasks that never come back, asleep or in C code, and a server that never ends its answer."""
    outcome = Outcome()
    limit = 2.0
    with dripping() as address:
        more = {
            "PIXTASKS_FETCH_ALLOW": address,
            "PIXTASKS_FETCH_TOTAL_SECONDS": str(limit),
            # One that holds the interpreter renews no lease either; it is to be failed by its limit.
            "PIXTASKS_MAX_CRASHES": "3",
        }
        with ground.site({**settings, **more}) as site:
            site.fleet.dispatcher()
            site.fleet.worker(slots=slots)
            site.until_workers()
            bad = site.submit("faults.hang", [{"kind": kind} for kind in ("sleep", "loop")] * each)["tasks"]
            for number in range(each):
                site.control("crawl", urls=[f"http://{address}/{n}.jpg" for n in range(3)], name=f"drip {number}")
            ended = site.until_all_ended(60 + 2 * each * (3 * site.lease + 20) / slots)
            outcome.expect(ended, "a task that hangs has not ended")
            good = site.submit("faults.count", [{"items": 3}] * 2 * slots)["tasks"]
            outcome.expect(site.until_all_ended(60), "the worker is stuck")
            outcome.take(audit(site, accepted=[*bad, *good], fails=bad))
            outcome.recovery = _attempts(site)
            stored = site.database.value("SELECT count(*) FROM jobs_image")
            outcome.expect(stored == 0, f"{stored} images of a dripping server were stored")
            failures = {row[0] for row in site.database.rows("SELECT outcome FROM jobs_fetchfailure")}
            outcome.expect(failures == {"timeout"}, f"a dripping server's outcomes are {failures}")
            most = max(outcome.recovery)
            outcome.bound(most <= limit + 30, f"a hanging attempt ended after {most:.1f} s")
            outcome.done = f"{3 * each} hanging tasks (asleep, in C, dripping server), limit {limit:g} s"
    return outcome


def _attempts(site: Site) -> list[float]:
    """Return how long each hanging attempt lasted, until the ledger had decided about it."""
    begun: dict[int, float] = {}
    lasted = []
    for task, kind, at in site.database.rows(
        "SELECT e.task_id, e.type, e.created_at FROM tasktypes_taskevent e JOIN task_list t ON t.id = e.task_id "
        "WHERE t.type_name <> 'faults.count' ORDER BY e.task_id, e.seq"
    ):
        if kind == "started":
            begun[task] = seconds(at)
        elif kind in ("lost", "failed", "completed") and task in begun:
            lasted.append(seconds(at) - begun.pop(task))
    return lasted


def terminations(
    ground: Ground, *, times: int = 3, pause: float = 1.0, seed: int = 4, slots: int = 2,
    settings: Mapping[str, str] = QUICK,
) -> Outcome:  # fmt: skip
    """Run two of everything, stop random ones in an orderly way; no slot runs twice, nothing fails by a shutdown."""
    chance = random.Random(seed)
    outcome = Outcome()
    with ground.site(settings) as site:
        site.control("every_second", name="each second", handler_name="faults.scheduled")
        members = ["dispatcher1", "dispatcher2", "beat1", "beat2", "worker1", "worker2"]
        for name in members[:2]:
            site.fleet.dispatcher(name)
        for name in members[2:4]:
            site.fleet.beat(name)
        for name in members[4:]:
            site.fleet.worker(name, slots=slots)
        site.until_workers(2)
        accepted: list[int] = []
        stopped = 0
        for number in range(times):
            accepted += site.submit("faults.count", [{"items": 60, "pause": 0.02}] * 2 * slots)["tasks"]
            time.sleep(pause)
            name = members[4 + number % 2] if number % 2 == 0 else chance.choice(members)
            _until_listening(site, name)
            stopped += site.fleet.send(site.fleet.pid(name), signal.SIGTERM)
        outcome.expect(site.until_all_ended(90 + 4 * site.lease), "not everything ended")
        outcome.take(audit(site, accepted=accepted))
        slots_taken = site.database.rows(
            "SELECT name, slot, count(*) FROM tasktypes_scheduledslot WHERE name = 'each second' GROUP BY name, slot"
        )
        runs = site.database.value("SELECT count(*) FROM task_list WHERE type_name = 'faults.scheduled'")
        outcome.expect(all(n == 1 for _, _, n in slots_taken), f"slots were taken twice: {slots_taken}")
        outcome.expect(0 < runs == len(slots_taken), f"{runs} scheduled tasks in {len(slots_taken)} slots")
        found = audit(site)
        outcome.expect(not found.recovery, f"{len(found.recovery)} tasks were lost by an orderly stop")
        # One that had only just been started may not have listened to signals yet.
        codes = {
            name: code
            for name in members
            for code in site.fleet.ends(name)
            if code and (code != -signal.SIGTERM or name.startswith("worker"))
        }
        outcome.expect(not codes, f"processes that were told to stop ended with {codes}")
        outcome.done = f"{stopped} times SIGTERM, {len(accepted)} tasks, {len(slots_taken)} schedule slots, two of all"
    return outcome


def _until_listening(site: Site, name: str) -> None:
    """Wait until a worker that was started again takes work, and so hears signals."""
    if name.startswith("worker"):
        there = f"SELECT count(*) FROM tasktypes_worker WHERE name LIKE '{name}@%' AND stopped_at IS NULL AND pid = "
        wait_for(lambda: site.database.value(f"{there}{site.fleet.pid(name)}"), f"{name} at work", seconds=90)
