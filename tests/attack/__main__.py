"""The long forms of the attacks, in one table (``make attack``): non-zero where something was found.

python -m tests.attack --images 20000 --bodies 200 --examples 300
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("*/test_openapi.py"))
SUITES = {
    "addresses × clients": [
        "tests/attack/test_ssrf.py",
        "tests/attack/test_ssrf_rebinding.py",
        "tests/fetch/test_blocked.py",
    ],
    "routes × callers": [
        "tests/attack/test_ownership.py",
        "tests/attack/test_ownership_realtime.py",
        "tests/attack/test_mass_assignment.py",
    ],
    "sign-in": ["tests/attack/test_sign_in.py"],
    "paths and pages": ["tests/attack/test_paths.py", "tests/attack/test_escaping.py", "tests/attack/test_headers.py"],
    "raw bodies": ["tests/attack/test_raw_bodies.py"],
    "the documents": DOCUMENTS,
    "sequences": ["tests/attack/test_stateful.py"],
}


def main() -> int:
    """Run every attack and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=20_000, help="mutated image files")
    parser.add_argument("--bodies", type=int, default=200, help="bodies made at random, for each operation")
    parser.add_argument("--examples", type=int, default=300, help="examples of each documented operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["images", *SUITES], action="append", help="this alone; may be repeated")
    options = parser.parse_args()
    chosen = options.only or ["images", *SUITES]
    os.environ |= {
        "PIXTASKS_TEST_ATTACK_BODIES": str(options.bodies),
        "PIXTASKS_TEST_ATTACK_SEED": str(options.seed),
        "PIXTASKS_TEST_EXAMPLES": str(options.examples),
    }
    rows, details = [], []
    for name in chosen:
        began = time.monotonic()
        if name == "images":
            code, said, text = _images(options.images, options.seed)
        else:
            code, said, text = _suite(SUITES[name])
        rows.append((name, said, "nothing found" if code == 0 else "FOUND", f"{time.monotonic() - began:.0f} s"))
        if code:
            details.append(f"--- {name}\n{text}")
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print("\n".join(details), file=sys.stderr)
    return 1 if details else 0


def _images(count: int, seed: int) -> tuple[int, str, str]:
    done = _run("tests.attack.images.campaign", "--count", str(count), "--seed", str(seed))
    lines = done.stdout.splitlines()
    return done.returncode, "; ".join(lines[:2]) or "nothing was run", done.stdout + done.stderr


def _suite(files: list[str]) -> tuple[int, str, str]:
    done = _run("pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *files)
    ended = re.findall(r"^(\d+ (?:passed|failed).*?)(?: in .*)?$", done.stdout, re.MULTILINE)
    return done.returncode, ended[-1] if ended else "nothing was run", done.stdout[-20_000:] + done.stderr[-5_000:]


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
