"""Many WebSocket clients on one ASGI process while tasks report: latency, order, memory (``make bench-realtime``).

Everything is real: uvicorn as ``manage.py up`` starts it, the ledger's own checkpoints, one connection per client.
Clients and server share this machine, so the figures are of both together.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TASKS = 10
PROCESSES = 2


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50, help="events a second (default 50)")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--ws", default="websockets-sansio", help="uvicorn's --ws (default websockets-sansio)")
    return parser.parse_args()


def main() -> None:
    """Run once and print a table."""
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="pixtasks-bench-"))
    for name in [name for name in os.environ if name.startswith(("PIXTASKS_", "DATABASE_URL", "REDIS_URL"))]:
        del os.environ[name]  # No installation is touched: it runs on SQLite in a folder of its own.
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "pixtasks.settings",
        "PIXTASKS_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(ROOT),
    }
    children: list[subprocess.Popen[bytes]] = []
    try:
        print_report(measure(options, folder, children), options)
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def measure(options: argparse.Namespace, folder: Path, children: list[subprocess.Popen[bytes]]) -> dict[str, Any]:
    """Start server and clients, let tasks report, and return what came of it."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    token, contexts = running_tasks()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    command = [
        sys.executable, "-m", "uvicorn", "pixtasks.asgi:application", "--fd", str(listener.fileno()),
        "--lifespan", "off", "--no-access-log", "--no-proxy-headers", "--timeout-graceful-shutdown", "5",
        "--log-level", "warning", "--ws", options.ws, "--ws-per-message-deflate", "false", "--ws-max-size", "16384",
    ]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT, pass_fds=(listener.fileno(),))
    children.append(server)
    end = folder / "end"
    outs = [folder / f"clients{number}" for number in range(PROCESSES)]
    share = options.clients // PROCESSES
    clients = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.realtime_clients", str(port), str(share), token, str(out), str(end)],
            cwd=ROOT,
        )
        for out in outs
    ]
    children += clients
    wait_until(lambda: all(Path(f"{out}.ready").exists() for out in outs), children)
    time.sleep(1)
    before = resident(server.pid)
    cpu_before = cpu(server.pid)
    started = time.monotonic()
    written = report_progress(contexts, options.rate, options.seconds)
    seconds = time.monotonic() - started
    after = resident(server.pid)
    cpu_used = cpu(server.pid) - cpu_before
    end.touch()
    wait_until(lambda: all(out.exists() for out in outs), [server])
    reports = [json.loads(out.read_text()) for out in outs]
    latencies: array[float] = array("d")
    for out in outs:
        latencies.frombytes(Path(f"{out}.latencies").read_bytes())
    return {
        "written": written,
        "rate": written / seconds,
        "frames": [count for report in reports for count in report["frames"]],
        "out of order": sum(report["out_of_order"] for report in reports),
        "closed": sum(report["closed"] for report in reports),
        "latencies": sorted(latencies),
        "memory": (before, after),
        "server": cpu_used / seconds,
        "clients": sum(report["cpu"] for report in reports) / seconds,
    }


def running_tasks() -> tuple[str, list[Any]]:
    """Return an access token, and the contexts of running tasks of its user."""
    from pixtasks.accounts.services.users import ensure_user
    from pixtasks.accounts.tokens import RefreshToken
    from tasktypes.models import Task
    from tasktypes.services.claim import claim
    from tasktypes.services.context import LeasedContext
    from tasktypes.services.submit import NewTask, submit

    user, _ = ensure_user(email="bench@example.com", password="a long enough pass phrase")
    token = str(RefreshToken.begin(user).access_token)
    submit([NewTask(type_name="jobs.sweep_files", parameters={}) for _ in range(TASKS)], owner_id=user.pk)
    contexts = []
    for task in Task.objects.order_by("pk"):
        claimed = claim(task.pk, task.attempt, worker="bench", carrier=f"bench-{task.pk}")
        assert claimed is not None
        contexts.append(LeasedContext(claimed, time_limit=3600))
    return token, contexts


def report_progress(contexts: list[Any], rate: float, seconds: float) -> int:
    """Let tasks report in turn; return how many reports were written."""
    start = time.monotonic()
    count = 0
    while (due := start + count / rate) < start + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        progress = {"done": count, "target": 10_000, "outcomes": {"stored": count}, "at": time.time()}
        contexts[count % len(contexts)].checkpoint(progress=progress)
        count += 1
    return count


def wait_until(done: Any, children: list[subprocess.Popen[bytes]]) -> None:
    """Wait for a condition.

    Raises:
        SystemExit: a process ended early, or it took two minutes.
    """
    deadline = time.monotonic() + 120
    while not done():
        for child in children:
            if child.poll() is not None:
                raise SystemExit(f"{child.args!r} ended with {child.returncode}")
        if time.monotonic() > deadline:
            raise SystemExit("it took too long")
        time.sleep(0.1)


def resident(pid: int) -> float:
    """Return the megabytes of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu(pid: int) -> float:
    """Return the processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def print_report(found: dict[str, Any], options: argparse.Namespace) -> None:
    """Print the table."""
    latencies = found["latencies"]

    def at(share: float) -> str:
        return f"{1000 * latencies[min(len(latencies) - 1, int(share * len(latencies)))]:.0f} ms" if latencies else "-"

    complete = sum(count == found["written"] for count in found["frames"])
    rows = [
        ("clients, server", f"{len(found['frames'])}, uvicorn --ws {options.ws}"),
        ("events written", f"{found['written']} ({found['rate']:.1f} a second)"),
        ("frames received", f"{sum(found['frames'])} ({sum(found['frames']) / options.seconds:.0f} a second)"),
        ("clients that got every event", f"{complete}"),
        ("frames out of order, clients closed", f"{found['out of order']}, {found['closed']}"),
        ("latency p50, p99, max", f"{at(0.5)}, {at(0.99)}, {at(1)}"),
        ("server's memory before, after", f"{found['memory'][0]:.0f} MB, {found['memory'][1]:.0f} MB"),
        ("processor: server, all clients", f"{found['server']:.2f}, {found['clients']:.2f} of a core"),
    ]
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
