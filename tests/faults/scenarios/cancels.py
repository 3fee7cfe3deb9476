"""T7: cancels while processes are killed."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from tests.faults.auditor import audit
from tests.faults.database import seconds
from tests.faults.outcome import Ground, Outcome
from tests.faults.scenarios.kills import PATIENT
from tests.faults.site import QUICK, Site
from tests.processes.tree import wait_for


def cancels_under_kills(
    ground: Ground,
    *,
    cancels: int = 4,
    kills: int = 6,
    seed: int = 2,
    tasks: int = 3,
    slots: int = 2,
    settings: Mapping[str, str] = QUICK,
) -> Outcome:
    """Cancel groups in the middle of their work while the pool and the worker are killed."""
    chance = random.Random(seed)
    outcome = Outcome()
    with ground.site({**settings, **PATIENT}) as site:
        site.fleet.dispatcher()
        site.fleet.worker(slots=slots)
        site.until_workers()
        killed = 0
        kept: dict[int, int] = {}
        hit: list[int] = []
        calm: list[int] = []
        for number in range(cancels):
            made = site.submit("faults.count", [{"items": 400, "pause": 0.01}] * tasks)
            stored = _stored(made["tasks"])
            wait_for(lambda stored=stored: site.database.value(stored) >= 10, "some results", seconds=120)
            # Every other group is left alone: it shows how fast a cancel is when nobody has died.
            wanted = (kills * (number + 1)) // cancels - killed if number % 2 else 0
            (hit if wanted else calm).append(made["group"])
            for _ in range(wanted):
                pool = site.fleet.pool()
                whole = chance.random() < 0.1 or not pool
                killed += site.fleet.send(site.fleet.pid("worker") if whole else chance.choice(pool))
                time.sleep(chance.uniform(0.0, 0.1))
            before = site.database.value(stored)
            site.control("cancel_group", group_id=made["group"])
            settled = f"SELECT count(*) FROM tasktypes_taskgroup WHERE id = {made['group']} AND settled_at IS NOT NULL"
            wait_for(lambda settled=settled: site.database.value(settled), "the group settled", seconds=60 + site.lease)
            kept[made["group"]] = site.database.value(stored)
            outcome.expect(kept[made["group"]] >= before, f"group {made['group']}: partial results are gone")
        # Whoever still held a row has had the time to write, were it allowed to.
        site.submit("faults.count", [{"items": 3}] * slots)
        site.until_all_ended(60 + 2 * site.lease)
        for group, count in kept.items():
            now = site.database.value(_stored_of_group(group))
            outcome.expect(now == count, f"group {group}: {now - count} results were written after it had settled")
        outcome.take(audit(site))
        latencies = _latencies(site)
        outcome.recovery = [latencies[group] for group in calm]
        p95, most = outcome.percentile(0.95) or 0, max(latencies.values())
        outcome.bound(p95 <= 2, f"settled p95 {p95:.1f} s > 2 s where nobody was killed")
        outcome.bound(most <= site.lease + 1, f"settled after {most:.1f} s at most > lease + 1 s")
        outcome.recovery += [latencies[group] for group in hit]
        outcome.done = f"{cancels} cancels under {killed} kills, lease {site.lease:g} s"
    return outcome


def _stored(tasks: list[int]) -> str:
    return f"SELECT count(*) FROM faults_effect WHERE task_id IN ({', '.join(map(str, tasks))})"


def _stored_of_group(group: int) -> str:
    return f"SELECT count(*) FROM faults_effect WHERE task_id IN (SELECT id FROM task_list WHERE group_id = {group})"


def _latencies(site: Site) -> dict[int, float]:
    rows = site.database.rows(
        "SELECT id, cancelled_at, settled_at FROM tasktypes_taskgroup WHERE cancelled_at IS NOT NULL"
    )
    return {group: seconds(settled) - seconds(cancelled) for group, cancelled, settled in rows}
