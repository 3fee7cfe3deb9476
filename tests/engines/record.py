"""Record the adapters' cassettes anew, each from its own answers: ``python -m tests.engines.record [ENGINE …]``.

Run it after an adapter asks in another way, and after a body in ``data/cassettes`` was changed by hand because the
source changed. The difference shows what became of it. A new case is a new keyword in ``cassette.json``, and a line in
``index.jsonl`` whose body may have any name of letters and digits: it is given its own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from django.conf import settings

from jobs.engines import engines
from pixtasks.testing.cassettes import renew

from .adapters import adapters


def main(names: Sequence[str]) -> int:
    """Record those of these names, or all; return the exit status."""
    known = {adapter.name: adapter for adapter in adapters()}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"No adapter {', '.join(unknown)}; there are {', '.join(known)}.", file=sys.stderr)
        return 1
    for adapter in [known[name] for name in names] or known.values():
        changed = renew(adapter.cassette, engines[adapter.name])
        print(f"{adapter.name}: {'recorded anew' if changed else 'as it was'}")
    return 0


if __name__ == "__main__":
    settings.configure()
    raise SystemExit(main(sys.argv[1:]))
