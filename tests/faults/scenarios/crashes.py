"""T2: the end of a process at every named point. T9: tasks that take their process along."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixtasks.common.crash_points import POINTS
from tests.faults.auditor import audit
from tests.faults.control import Died
from tests.faults.outcome import Ground, Outcome
from tests.faults.site import QUICK, Site
from tests.picture_server import PictureServer, make_pictures, serve
from tests.processes.tree import wait_for


def crash_points(
    ground: Ground,
    *,
    rounds: int = 1,
    together: int = 6,
    settings: Mapping[str, str] = QUICK,
    points: tuple[str, ...] = POINTS,
) -> Outcome:
    """End a process at each named point in the middle of a small piece of work, which must be finished without help.

    Args:
        rounds: how often each point.
        together: how many points at a time.
    """
    outcome = Outcome()
    with serve(make_pictures(3)) as web, ground.site(settings) as site:
        demand = site.folder / "crash"
        demand.mkdir()
        site.fleet.environment |= {"PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{web.port}"}
        site.fleet.environment["PIXTASKS_CRASH_POINT"] = f"@{demand}"
        site.control.environment = dict(site.fleet.environment)
        site.fleet.dispatcher()
        site.fleet.worker(slots=2)
        site.until_workers()
        crashed = 0
        accepted: list[int] = []
        for number in range(rounds):
            for first in range(0, len(points), together):
                now = points[first : first + together]
                waited = _crash_at(site, web, demand, now, str(number), accepted)
                crashed += len(now)
                outcome.recovery.append(waited)
                outcome.expect(waited < _most(site), f"not all had ended after a crash at {', '.join(now)}")
                # The promise: 35 s, 65 s where a message was never sent.
                bound = max(65.0 if "dispatch.before_publish" in now else 35.0, site.lease + 5)
                outcome.bound(waited <= bound, f"{waited:.1f} s after a crash at {', '.join(now)}")
        found = audit(site, accepted=accepted)
        outcome.take(found)
        outcome.done = f"{crashed} crashes at {len(points)} points, lease {site.lease:g} s"
    return outcome


def _most(site: Site) -> float:
    return 30 + 4 * site.lease


def _crash_at(
    site: Site, web: PictureServer, demand: Path, points: tuple[str, ...], name: str, accepted: list[int]
) -> float:
    """Arm points, submit what comes by them, and return the seconds from the last crash until all has ended."""
    for point in points:
        (demand / point).touch()
    for point in points:
        accepted += _work(site, web, point, f"{point} {name}")
    wait_for(lambda: not any(demand.iterdir()), f"the crashes at {', '.join(points)}", seconds=_most(site))
    crashed_at = time.monotonic()
    site.until_all_ended(_most(site))
    return time.monotonic() - crashed_at


def _work(site: Site, web: PictureServer, point: str, name: str) -> list[int]:
    """Submit what comes by that point; return the tasks that were accepted."""
    if point.startswith("download."):
        site.control("crawl", urls=web.urls, name=name)
        return []
    one: dict[str, Any] = {"items": 4, "pause": 0.01, "at_a_time": 2}
    # Work that may run a moment later is dispatched by the dispatcher, not by who submits it.
    after = 0.2 if point.startswith("dispatch.") else 0.0
    try:
        return list(site.submit("faults.count", [one] * 2, after=after)["tasks"])
    except Died:
        return []


def poison(ground: Ground, *, each: int = 1, others: int = 10, settings: Mapping[str, str] = QUICK) -> Outcome:
    """Tasks that crash their process each time fail after three; all others complete; the pool is whole again."""
    outcome = Outcome()
    slots = 3
    kinds = ("segfault", "exit", "killed", "memory")
    with ground.site(settings) as site:
        site.fleet.dispatcher()
        site.fleet.worker(slots=slots)
        site.until_workers()
        bad = site.submit("faults.poison", [{"kind": kind, "token": str(n)} for n in range(each) for kind in kinds])
        good = site.submit("faults.count", [{"items": 5}] * others)
        # Three leases, two seconds of sweeping each, and the pause of five before the third attempt.
        site.until_all_ended(60 + each * len(kinds) * (3 * site.lease + 12) / slots)
        began = time.monotonic()
        after = site.submit("faults.count", [{"items": 3}] * 2 * slots)
        site.until_all_ended(60)
        whole = wait_for(lambda: len(site.fleet.pool()) >= slots, "the pool whole again", seconds=30)
        outcome.recovery = [time.monotonic() - began]
        outcome.expect(whole, "the pool is not whole")
        found = audit(site, accepted=[*bad["tasks"], *good["tasks"], *after["tasks"]], fails=bad["tasks"])
        outcome.take(found)
        runs = [int(words[0]) for words in site.log_lines("runs.log")]
        wanted = {"segfault": 3, "exit": 3, "killed": 3, "memory": 1}
        for task, kind in zip(bad["tasks"], kinds * each, strict=True):
            outcome.expect(runs.count(task) == wanted[kind], f"{kind} ran {runs.count(task)} times")
        outcome.expect(not site.fleet.ends("worker"), "the worker's main process ended")
        outcome.done = f"{len(bad['tasks'])} poison tasks beside {others} others, lease {site.lease:g} s"
    return outcome
