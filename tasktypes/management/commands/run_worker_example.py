"""``manage.py run_worker_example``: a worker that works over HTTP, as one in any other language would."""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from pixtasks.common.running import running_up
from pixtasks.common.screen import as_json, counted, plain
from pixtasks.common.stop_signals import Interrupted, StopSignals
from tasktypes.management.base import TaskCommand
from tasktypes.management.outside_worker import Beat, OutsideWorker

_SERVED = "http://127.0.0.1:8000"
_WAIT_SECONDS = 2.0  # Short, because Ctrl-C is heard between two claims.
_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow", "lost": "yellow"}


class Command(TaskCommand):
    """Echoes the parameters of tasks of declared types; tasktypes/management/outside_worker.py is to copy from."""

    help = (
        "Work on tasks of declared types over HTTP: each is answered with its own parameters. It shows how a worker "
        "outside of the product works, and is what to copy from. Ctrl-C ends it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        add = parser.add_argument
        add("--url", metavar="URL", help=f"where the product is (default: the running manage.py up, else {_SERVED})")
        add("--type", metavar="NAME", action="append", dest="types", help="of this type only; may be repeated")
        add("--name", default=f"example@{socket.gethostname()}", help="the name it gives itself")
        add("--api-key", metavar="KEY", help="an API key (default: the environment variable PIXTASKS_API_KEY)")
        add("--seconds", type=float, default=0.0, help="how long to work on each task (default 0)")
        add("--lease", type=float, default=60.0, help="seconds that a claim holds without a heartbeat (default 60)")
        add("--limit", type=int, default=0, help="end after so many tasks (default: go on)")
        add("--once", action="store_true", help="end when there is nothing to do")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Work until it is told to stop; return the exit code."""
        url = options["url"] or _running() or _SERVED
        if urlsplit(url).scheme not in ("http", "https"):
            raise CommandError(f"--url {plain(url)}: an address begins with http:// or https://.")
        if options["lease"] < 1 or options["seconds"] < 0 or options["limit"] < 0:
            raise CommandError("--lease takes at least 1 second, --seconds and --limit nothing below 0.")
        key = options["api_key"] or os.environ.get("PIXTASKS_API_KEY", "")
        worker = OutsideWorker(url, options["name"], options["types"], api_key=key, lease_seconds=options["lease"])
        done: list[dict[str, Any]] = []
        self.console.print(Text(f" {plain(options['name'])} works for {plain(url)}"))
        with StopSignals() as stop:
            try:
                self._work(worker, stop, options, done)
            except Interrupted:
                self.console.print(Text(" Stopped.", "dim"))
        if options["json"]:
            self.stdout.write(as_json({"url": url, "worker": options["name"], "tasks": done}))
        else:
            self.console.print(Text(f" {counted(len(done), 'task')} worked on."))
        return 0

    def _work(
        self, worker: OutsideWorker, stop: StopSignals, options: dict[str, Any], done: list[dict[str, Any]]
    ) -> None:
        def echo(parameters: dict[str, Any], beat: Beat) -> dict[str, Any]:
            return _echo(parameters, beat, stop, options["seconds"], options["lease"])

        while not options["limit"] or len(done) < options["limit"]:
            stop.look()
            task = worker.claim(wait=0 if options["once"] else _WAIT_SECONDS)
            if task is None:
                if options["once"]:
                    return
                continue
            ended = worker.run(task, echo)
            done.append({"id": task["id"], "task_type": task["task_type"], "ended": ended})
            self.console.print(
                Text.assemble(f" task {task['id']} {plain(task['task_type'])} ", (ended, _STYLES[ended]))
            )


def _echo(parameters: dict[str, Any], beat: Beat, stop: StopSignals, seconds: float, lease: float) -> dict[str, Any]:
    step = min(1.0, lease / 3)
    left = seconds
    while left > 0:
        beat({"percent": int(100 * (1 - left / seconds))})
        stop.pause(min(step, left))
        left -= step
    return {"echo": parameters}


def _running() -> str:
    up = running_up()
    return "" if up is None else up.url
