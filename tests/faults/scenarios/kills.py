"""T1: random SIGKILL of everything; and the naive control, which the same treatment must break."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping

from tests.faults.auditor import audit
from tests.faults.outcome import Ground, Outcome
from tests.faults.site import QUICK, Site
from tests.processes.tree import wait_for

PATIENT = {"PIXTASKS_MAX_CRASHES": "1000"}
"""Thousands of kills hit some task three times in a row; T9 is about that."""
_TARGETS = ("child", "child", "child", "child", "worker", "dispatcher", "web")


def random_kills(
    ground: Ground,
    *,
    tasks: int = 24,
    kills: int = 8,
    seed: int = 1,
    items: int = 10,
    slots: int = 3,
    settings: Mapping[str, str] = QUICK,
) -> Outcome:
    """Kill processes at random while tasks are submitted, some of them over HTTP; lose nothing, count nothing twice."""
    chance = random.Random(seed)
    outcome = Outcome()
    with ground.site({**settings, **PATIENT}) as site:
        url = site.fleet.web()
        site.fleet.dispatcher()
        site.fleet.worker(slots=slots)
        site.until_workers()
        accepted: list[int] = []
        refused = 0
        hits: Counter[str] = Counter()
        one = {"items": items, "pause": 0.02, "at_a_time": 5}
        accepted += site.submit("faults.count", [one] * tasks)["tasks"]
        while hits.total() < kills:
            status, answer = site.call(f"{url}/tasks/faults.count", {"payload": {**one, "token": f"{len(accepted)}"}})
            if status == 201 or (status == 200 and answer["is_duplicate"]):
                # A duplicate was accepted before, by a web process that was killed on its way to say so.
                accepted.append(answer["id"])
            else:
                refused += 1
                if status not in (0, 503):
                    outcome.broken.append(f"a request under kills was answered {status}: {answer}")
            if site.open_tasks() < 3 * slots:
                accepted += site.submit("faults.count", [one] * tasks)["tasks"]
            if target := _kill_one(site, chance):
                hits[target] += 1
                time.sleep(chance.uniform(0.05, 0.25))
        site.until_all_ended(60 + 4 * site.lease + len(accepted) * items * 0.03)
        found = audit(site, accepted=accepted)
        outcome.take(found)
        outcome.recovery = found.recovery
        outcome.bound(found.redone <= 0.05, f"redone {found.redone:.1%} > 5 %")
        # The dispatcher, which takes lost tasks back, is itself killed again and again: what the promise says, no less.
        limit = max(35.0, site.lease + 5)
        outcome.bound(max(found.recovery, default=0) <= limit, f"a lost task waited longer than {limit:g} s")
        told = ", ".join(f"{n} {name}" for name, n in sorted(hits.items()))
        outcome.done = f"{hits.total()} kills ({told}), {found.tasks} tasks, lease {site.lease:g} s"
    return outcome


def _kill_one(site: Site, chance: random.Random) -> str:
    """Kill a random process; return what it was, or nothing where the kill hit nobody at work."""
    target = chance.choice(_TARGETS)
    if target in ("child", "worker"):
        if not site.database.value("SELECT count(*) FROM task_list WHERE status = 'running'"):
            return ""
        pool = site.fleet.pool()
        pid = chance.choice(pool) if target == "child" and pool else site.fleet.pid("worker")
        if target == "child" and not pool:
            return ""
    else:
        pid = site.fleet.pid(target)
    return target if pid and site.fleet.send(pid) else ""


def idle_kills(ground: Ground, *, rounds: int = 3) -> Outcome:
    """Kill pool processes that wait for work, one after the other; their replacements must get work."""
    outcome = Outcome()
    with ground.site(QUICK) as site:
        site.fleet.dispatcher()
        site.fleet.worker(slots=2)
        site.until_workers()
        killed = 0
        for _ in range(rounds):
            pool = wait_for(lambda: site.fleet.pool() if len(site.fleet.pool()) == 2 else None, "a whole pool")
            killed += sum(site.fleet.send(pid) for pid in pool)
            site.submit("faults.count", [{"items": 3}] * 3)
            outcome.expect(site.until_all_ended(30), "a pool whose idle processes were killed works no more")
        outcome.take(audit(site))
        outcome.done = f"{killed} idle pool processes killed"
    return outcome


def naive_control(ground: Ground, *, tasks: int = 6, kills: int = 3, seed: int = 1, items: int = 15) -> Outcome:
    """Give the usual way of writing such a task the same treatment; it is as if it held only if it counts exactly."""
    chance = random.Random(seed)
    outcome = Outcome(lost=None, duplicated=None)
    with ground.site(QUICK) as site:
        site.fleet.worker(slots=2)
        site.until_workers()
        site.control("naive", name="naive", tasks=tasks, items=items, pause=0.05)
        read = "SELECT value, finished FROM faults_naive_count"

        def value() -> tuple[int, int]:
            return site.database.rows(read)[0][:2]

        for _ in range(kills):
            before = value()[0]
            if not _grows(value, before + 3):
                break
            pool = site.fleet.pool()
            if pool:
                site.fleet.send(chance.choice(pool))
        # It has ended once its counter rests.
        rested = value()
        while _grows(value, rested[0] + 1):
            rested = value()
        counted, finished = value()
        held = counted == tasks * items and finished == tasks
        outcome.done = (
            f"{kills} kills of pool processes, {tasks} plain Celery tasks: counted {counted} of {tasks * items}, "
            f"{finished} of {tasks} finished"
        )
        outcome.expect(not held, "the naive control counted exactly: the kills of T1 prove nothing")
    return outcome


def _grows(value, least: int) -> bool:
    try:
        wait_for(lambda: value()[0] >= least, "the counter grows", seconds=4)
    except AssertionError:
        return False
    return True
