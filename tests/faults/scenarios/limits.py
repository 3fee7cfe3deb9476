"""T8: rate limits while processes are killed."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping

from tests.faults.auditor import audit
from tests.faults.database import seconds
from tests.faults.outcome import Ground, Outcome
from tests.faults.scenarios.kills import PATIENT
from tests.faults.site import QUICK, Site


def limits_under_kills(
    ground: Ground,
    *,
    starts: int = 5,
    window: float = 2,
    tasks: int = 15,
    kills: int = 4,
    denied: int = 20,
    seed: int = 5,
    slots: int = 2,
    settings: Mapping[str, str] = QUICK,
) -> Outcome:
    """Start limited tasks on two workers that are being killed; no window may ever hold more starts than allowed."""
    chance = random.Random(seed)
    outcome = Outcome()
    more = {"PIXTASKS_RATE_LIMITS": f"faults:limited={starts}/{window:g}"}
    with ground.site({**settings, **PATIENT, **more}) as site:
        names = ("one", "two")
        for name in ("dispatcher", "dispatcher2"):
            site.fleet.dispatcher(name)
        for name in names:
            site.fleet.worker(name, slots=slots)
        site.until_workers(len(names))
        accepted = site.submit("faults.limited", [{"items": 2, "pause": 0.01}] * tasks)["tasks"]
        killed = 0
        deadline = time.monotonic() + 60 + 3 * tasks / starts * window
        while site.open_tasks() and time.monotonic() < deadline:
            if killed < kills:
                name = chance.choice((*names, *names, *names, "dispatcher"))
                pids = [*site.fleet.pool(name), site.fleet.pid(name)]
                killed += site.fleet.send(chance.choice(pids[-3:]))
            time.sleep(chance.uniform(0.3, 0.7) * tasks / starts * window / max(kills, 1))
        outcome.expect(site.until_all_ended(30 + 2 * site.lease), "not everything ended")
        times = _starts(site)
        pairs = zip(times, times[starts:], strict=False)
        closest = min((late - early for early, late in pairs), default=window)
        outcome.expect(closest >= window - 0.0005, f"{starts + 1} starts within {closest:.3f} s")
        ideal = (math.ceil(len(times) / starts) - 1) * window
        throughput = ideal / (times[-1] - times[0]) if len(times) > starts else 1.0
        outcome.bound(throughput >= 0.95, f"throughput {throughput:.0%} of what the limit allows")
        outcome.take(audit(site, accepted=accepted))
        slowest = _denied(site, starts, denied)
        outcome.bound(slowest <= 0.02, f"a denied claim took {slowest * 1000:.0f} ms (p99)")
        outcome.done = (
            f"{killed} kills, {len(times)} starts at {starts} per {window:g} s, closest {starts + 1} within "
            f"{closest:.3f} s, throughput {throughput:.0%}, denied claim p99 {slowest * 1000:.0f} ms"
        )
    return outcome


def _starts(site: Site) -> list[float]:
    return sorted(
        seconds(at)
        for (at,) in site.database.rows(
            "SELECT e.created_at FROM tasktypes_taskevent e JOIN task_list t ON t.id = e.task_id "
            "WHERE e.type = 'started' AND t.type_name = 'faults.limited'"
        )
    )


def _denied(site: Site, starts: int, times: int) -> float:
    """Return the time that 99 % of claims did not pass which came while the limit was used up."""
    made = site.submit("faults.limited", [{"items": 1, "pause": 0.01}] * (starts + 1))["tasks"]
    deadline = time.monotonic() + 30
    running = f"SELECT count(*) FROM task_list WHERE id IN ({', '.join(map(str, made))}) AND attempt > 0"
    while site.database.value(running) < starts and time.monotonic() < deadline:
        time.sleep(0.02)
    last = site.database.value(f"SELECT max(id) FROM task_list WHERE id >= {made[0]} AND attempt = 0")
    taken = sorted(site.control("denied_claims", task_id=last, times=times)) if last else []
    return taken[int(0.99 * (len(taken) - 1))] if taken else 0.0
