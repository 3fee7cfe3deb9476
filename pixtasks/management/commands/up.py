"""``manage.py up``: web, dispatcher, worker and scheduler in one command."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import threading
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from pixtasks.common.errors import PixtasksError
from pixtasks.common.listening import Listener, listen
from pixtasks.common.running import only_up
from pixtasks.common.supervisor import Child, Supervisor
from pixtasks.installation import first_sign_in, migrate
from pixtasks.settings import env

# CONTRACT D13: web and dispatcher leave within 10 s, the worker has 20 s for what it runs. Not Celery's soft shutdown:
# on the filesystem transport that takes its whole 20 s even when the last task has ended after one.
_GRACE = 10.0
_WORKER_GRACE = 20.0
_STREAMS_GRACE = 5  # What uvicorn gives open streams.
_ASK_ALIVE_SECONDS = 0.1
_ASK_READY_SECONDS = 1.0
_SAY_WHY_SECONDS = 30.0


class Command(BaseCommand):
    """Sets the installation up, then supervises until SIGTERM or SIGINT."""

    help = "Serve the API and console with dispatcher, workers and scheduler, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add address, number of workers and what scripts need."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 = all (default 127.0.0.1)"
        )
        parser.add_argument("--port", default=8000, type=_port, help="port; 0 picks a free one (default 8000)")
        parser.add_argument(
            "--workers", type=_at_least_one, help="tasks that run at once (default: PIXTASKS_WORKERS, 2)"
        )
        parser.add_argument("--no-beat", action="store_true", help="do not run the scheduler of periodic tasks")
        parser.add_argument("--ready-file", type=Path, help="write the address into this file once everything answers")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, announce, supervise.

        Raises:
            CommandError: the address is taken, or another ``up`` runs on this data folder.
        """
        ready_file: Path | None = options["ready_file"]
        try:
            with only_up() as publish:
                listener = listen(options["host"], options["port"])
                environment = _environment(listener)
                if ready_file is not None:
                    ready_file.unlink(missing_ok=True)
                migrate()
                supervisor = Supervisor(
                    _children(
                        listener,
                        environment,
                        workers=options["workers"] or settings.PIXTASKS_WORKERS,
                        beat=not options["no_beat"],
                    )
                )
                url = environment["PIXTASKS_BASE_URL"]
                _announce(supervisor, url, listener)
                connection.close()
                publish(url)
                threading.Thread(target=_say_ready, args=(supervisor, listener, url, ready_file), daemon=True).start()
                code = supervisor.run()
                listener.socket.close()
        except PixtasksError as error:
            raise CommandError(error.message) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped before the start was complete.", returncode=130) from None
        if code:
            sys.exit(code)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65_535:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a port: use 0 to 65535")


def _at_least_one(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")


def _environment(listener: Listener) -> dict[str, str]:
    """Return the children's environment: the caller's, and what follows from the address where that says nothing."""
    environment = dict(os.environ)
    environment.setdefault("DJANGO_SETTINGS_MODULE", "pixtasks.settings")
    environment["PIXTASKS_DATA_DIR"] = str(settings.DATA_DIR)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(settings.BASE_DIR), environment.get("PYTHONPATH"))))
    if not env.text("PIXTASKS_BASE_URL"):
        environment["PIXTASKS_BASE_URL"] = listener.url
    if settings.PIXTASKS_PROFILE == "development" and not _given("PIXTASKS_FETCH_ALLOW"):
        # The sample engine's pictures are served by this very process, and webhook_receiver is for local trials;
        # nothing else that is private may be connected to.
        receiver = f"127.0.0.1:{settings.PIXTASKS_WEBHOOK_RECEIVER_PORT}"
        environment["PIXTASKS_FETCH_ALLOW"] = f"{listener.endpoint},{receiver}"
    if not listener.is_loopback:
        environment["PIXTASKS_ANONYMOUS_API"] = "0"  # CONTRACT X67
    hosts = dict.fromkeys([*env.words("PIXTASKS_ALLOWED_HOSTS"), listener.host, *listener.names])
    environment["PIXTASKS_ALLOWED_HOSTS"] = ",".join(hosts)
    return environment


def _given(name: str) -> bool:
    return name in os.environ or f"{name}_FILE" in os.environ


def _children(listener: Listener, environment: dict[str, str], *, workers: int, beat: bool) -> list[Child]:
    manage = str(Path(settings.BASE_DIR) / "manage.py")
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "pixtasks"]
    level = os.environ.get("PIXTASKS_LOG_LEVEL", "INFO").lower()
    # The same name after a restart, another one for another data folder on the same broker.
    name = "up-" + hashlib.sha256(str(settings.DATA_DIR).encode()).hexdigest()[:8]
    children = [
        Child(
            name="web",
            command=[
                sys.executable, "-m", "uvicorn", "pixtasks.asgi:application",
                "--fd", str(listener.socket.fileno()), "--lifespan", "off", "--no-access-log", "--no-proxy-headers",
                "--timeout-graceful-shutdown", str(_STREAMS_GRACE), "--log-level", level,
                # Progress is short: compressing it costs more than sending it. Clients say less than 4 KB.
                "--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", "16384",
            ],
            env=environment,
            grace=_GRACE,
            pass_fds=(listener.socket.fileno(),),
        ),
        Child(name="dispatcher", command=[sys.executable, manage, "dispatcher"], env=environment, grace=_GRACE),
        Child(
            name="worker",
            command=[
                *celery, "worker", "--concurrency", str(workers), "--hostname", f"{name}@%h", "--loglevel", level,
                "--without-gossip", "--without-mingle", "--without-heartbeat",
            ],
            env=environment,
            grace=_WORKER_GRACE,
        ),
    ]  # fmt: skip
    if beat:
        command = [*celery, "beat", "--pidfile", "", "--loglevel", level]
        children.append(Child(name="beat", command=command, env=environment, grace=_GRACE))
    return children


def _announce(supervisor: Supervisor, url: str, listener: Listener) -> None:
    """Print the address and how to sign in."""
    supervisor.say(f"serving {url} (API documents {url}/docs, console {url}/admin/)")
    supervisor.say(f"data folder {settings.DATA_DIR}")
    if not listener.is_loopback:
        supervisor.say(
            f"others can reach {', '.join(listener.names)}: the anonymous API is off, every caller signs in. "
            "Further host names go into PIXTASKS_ALLOWED_HOSTS."
        )
    sign_in = first_sign_in()
    if sign_in is not None:
        supervisor.say(f"sign in as {sign_in.email} with the password {sign_in.password}")
        supervisor.say(f"(kept in {sign_in.path} for you alone; change the password or remove the file to stop this)")
    elif settings.PIXTASKS_PROFILE == "development":
        supervisor.say(
            'sign in with your own account, or make one: "manage.py ensure_user --staff --email … --password …"'
        )


def _say_ready(supervisor: Supervisor, listener: Listener, url: str, ready_file: Path | None) -> None:
    """Ask /readyz until it answers 200; say so, or now and then why not."""
    pause = threading.Event()
    # Each "not ready" is an error line in the web server's log: first wait for that alone.
    while _ask(listener, "/healthz")[0] != 200:
        pause.wait(_ASK_ALIVE_SECONDS)
    asked = 0
    while (answer := _ask(listener, "/readyz"))[0] != 200:
        asked += 1
        if asked % int(_SAY_WHY_SECONDS / _ASK_READY_SECONDS) == 0:
            supervisor.say(f"not ready yet: {answer[1]}")
        pause.wait(_ASK_READY_SECONDS)
    if ready_file is not None:
        draft = ready_file.with_name(f".{ready_file.name}.draft")
        draft.write_text(f"{url}\n")
        draft.replace(ready_file)
    supervisor.say(f"ready: {url}")


def _ask(listener: Listener, path: str) -> tuple[int, str]:
    """Return status and body of a GET; status 0 where nobody answers."""
    client = http.client.HTTPConnection(listener.address, listener.port, timeout=5)
    try:
        client.request("GET", path, headers={"Host": f"{listener.host}:{listener.port}"})
        answer = client.getresponse()
        return answer.status, answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"the web server does not answer ({error})"
    finally:
        client.close()
