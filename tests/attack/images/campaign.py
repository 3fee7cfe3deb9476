"""Runs files through all three levels in processes of their own, under a worker's memory limit and a clock.

python -m tests.attack.images.campaign --count 20000 --seed 1
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
MEMORY_MB = 2_000
"""As PIXTASKS_WORKER_MEMORY_LIMIT_MB."""
HANG_SECONDS = 60
"""One file in all three levels; measured by the parent, which kills what takes longer."""


@dataclass
class Outcome:
    """What a campaign found."""

    files: int = 0
    crashes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    peak_mb: int = 0
    slowest: float = 0.0


def run(count: int, seed: int, *, bombs: bool = True, processes: int = 2) -> Outcome:
    """Judge ``count`` mutants of a seed, and every bomb; a child that dies is replaced and goes on behind the file."""
    outcome = Outcome()
    jobs = [[f"m{number}" for number in range(first, count, processes)] for first in range(processes)]
    if bombs:
        from .bombs import bombs as all_bombs

        jobs[0] += [f"b{number}" for number in range(len(all_bombs()))]
    with ThreadPoolExecutor(processes) as threads:
        list(threads.map(lambda names: _judge_all(names, seed, outcome), jobs))
    return outcome


def _judge_all(names: list[str], seed: int, outcome: Outcome) -> None:
    """Have one process after the other judge the files, each going on behind the file at which the last one died."""
    done = 0
    while done < len(names):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.attack.images.campaign", "--child", str(seed)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        watchdog = _Watchdog(child)
        assert child.stdin is not None
        assert child.stdout is not None
        with child:
            child.stdin.write("\n".join(names[done:]))
            child.stdin.close()
            while True:
                line = watchdog.line()
                if not line:
                    break
                _take(outcome, json.loads(line))
                done += 1
        if done < len(names):
            outcome.files += 1
            how, where = (f"nothing after {HANG_SECONDS} s", outcome.hangs) if watchdog.bit else (
                f"ended with {child.returncode}", outcome.crashes)  # fmt: skip
            where.append(f"{names[done]}: {how}")
            done += 1


class _Watchdog:
    """Kills a child that says nothing for too long."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.bit = False

    def line(self) -> str:
        """Return the child's next line; empty once it has ended."""
        timer = threading.Timer(HANG_SECONDS, self._bite)
        timer.start()
        assert self._child.stdout is not None
        try:
            return self._child.stdout.readline()
        finally:
            timer.cancel()

    def _bite(self) -> None:
        self.bit = True
        self._child.kill()


def _take(outcome: Outcome, said: dict[str, Any]) -> None:
    outcome.files += 1
    outcome.verdicts[said["verdict"]] += 1
    outcome.peak_mb = max(outcome.peak_mb, said["peak_mb"])
    outcome.slowest = max(outcome.slowest, said["seconds"])
    if said["raised"]:
        outcome.raised.append(f"{said['name']} ({said['made']}): {said['raised']}")
    if said["disagreement"]:
        outcome.disagreements.append(f"{said['name']} ({said['made']}): {said['disagreement']}")


def _child(seed: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB * 1_000_000, resource.RLIM_INFINITY))
    from .bombs import bombs
    from .mutate import mutant

    heavy = None
    for name in sys.stdin.read().split():
        if name[0] == "b":
            heavy = heavy or bombs()
            made, data = heavy[int(name[1:])]
        else:
            made, data = mutant(seed, int(name[1:]))
        print(json.dumps(_judged(name, made, data)), flush=True)


def _judged(name: str, made: str, data: bytes) -> dict[str, Any]:
    from jobs.validators import Subject, Thresholds, validators

    from .judge import FAULTS, LIMITS, TooMuch, fault_of

    raised, issues, verdict = "", set[str](), "refused"
    began = time.monotonic()
    for level in ("fast", "medium", "slow"):
        try:
            found = validators[level].check(Subject.of_bytes(data), Thresholds())
        except Exception as error:
            raised = f"{level} raised {type(error).__name__}: {error}"
            continue
        if level == "medium":
            issues = set(found.issues)
        elif level == "slow" and issues - set(found.issues):
            raised = f"slow forgot {issues - set(found.issues)}"
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    disagreement = ""
    if issues & LIMITS:
        verdict = "too much"
    else:
        verdict = "faulty" if issues & FAULTS else "whole"
        try:
            fault = fault_of(data)
        except TooMuch:
            fault, verdict = "", "too much to judge"
        else:
            if bool(fault) != (verdict == "faulty"):
                disagreement = f"validators {sorted(issues)}, full decode {fault or 'whole'!r}"
    return {
        "name": name, "made": made, "verdict": verdict, "raised": raised, "disagreement": disagreement,
        "seconds": seconds, "peak_mb": peak,
    }  # fmt: skip


def main() -> int:
    """Run a campaign from the command line and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=int, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        _child(options.child)
        return 0
    began = time.monotonic()
    outcome = run(options.count, options.seed)
    print(f"files {outcome.files}, seed {options.seed}, {time.monotonic() - began:.0f} s")
    print(f"crashes {len(outcome.crashes)}, hangs {len(outcome.hangs)}, exceptions {len(outcome.raised)}, "
          f"disagreements {len(outcome.disagreements)}")  # fmt: skip
    print(f"peak memory {outcome.peak_mb} MB, slowest file {outcome.slowest:.1f} s, verdicts {dict(outcome.verdicts)}")
    for line in (*outcome.crashes, *outcome.hangs, *outcome.raised, *outcome.disagreements[:40]):
        print("  ", line)
    return 1 if outcome.crashes or outcome.hangs or outcome.raised or outcome.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
