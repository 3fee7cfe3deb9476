"""``manage.py webhook_receiver``: listen on loopback and show what webhooks bring, for trials."""

from __future__ import annotations

import json
import threading
from argparse import ArgumentTypeError
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from pixtasks.common.screen import make_console, plain
from pixtasks.common.signing import (
    ID_HEADER,
    PREVIOUS_SIGNATURE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    InvalidSignature,
    verify,
)
from pixtasks.common.stop_signals import Interrupted, StopSignals

_LOOPBACK: Final = "127.0.0.1"
_LARGEST: Final = 10_000_000
_SILENCE: Final = 10.0
"""How long a sender may be silent. Seconds."""


class Book:
    """What has come: judges a delivery, prints it, and counts.

    Args:
        secret: what the sender signs with.
        failures: how many deliveries are answered with 500 before any is taken.
        console: where they are shown.
    """

    def __init__(self, secret: str, failures: int, console: Console) -> None:
        self._secret = secret
        self._failures = failures
        self._console = console
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self.verified = 0

    def take(self, headers: Message, body: bytes) -> int:
        """Show one delivery and return the status that answers it: 200, 401 for a bad signature, or 500."""
        timestamp = headers.get(TIMESTAMP_HEADER)
        signatures = [headers.get(SIGNATURE_HEADER), headers.get(PREVIOUS_SIGNATURE_HEADER)]
        try:
            # An empty timestamp is no Unix time, so it is refused: the product always signs one.
            verify([self._secret], body, signatures, timestamp=timestamp or "")
            verdict, status = "verified", 200
        except InvalidSignature as error:
            verdict, status = f"NOT verified: {error.message}", 401
        with self._lock:
            event_id = headers.get(ID_HEADER, "")
            repeated = event_id in self._seen
            if self._failures > 0:
                self._failures -= 1
                verdict, status = f"{verdict}; answered with 500 on purpose", 500
            elif status == 200:
                self._seen.add(event_id)
                self.verified += 1
            self._show(event_id, verdict, repeated, status, body)
        return status

    def _show(self, event_id: str, verdict: str, repeated: bool, status: int, body: bytes) -> None:
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        known = document if isinstance(document, dict) else {}
        event = plain(known.get("event", "no event"))
        self._console.rule(f"{event}  {_subject(known)}", style="green" if status == 200 else "red", align="left")
        again = " (again: this id came before)" if repeated else ""
        self._console.print(f"id {plain(event_id) or 'missing'}{again}")
        self._console.print(verdict, style="green" if status == 200 else "red", soft_wrap=True)
        if document is None:
            self._console.print(f"no JSON: {plain(body[:1000].decode('utf-8', 'replace'))}", soft_wrap=True)
        else:
            self._console.print(json.dumps(document, indent=2), soft_wrap=True)


class Command(BaseCommand):
    """Listens on 127.0.0.1 and nowhere else."""

    help = "Receive webhooks on 127.0.0.1 and print each, with whether its signature is right."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take port, secret, failures and number."""
        default = settings.PIXTASKS_WEBHOOK_RECEIVER_PORT
        parser.add_argument(
            "--port", type=_number, default=default, help="0 = any free one; default: %(default)s, in the settings "
            "PIXTASKS_WEBHOOK_RECEIVER_PORT, to which webhooks may be sent in development",
        )  # fmt: skip
        parser.add_argument(
            "--secret", help="the endpoint's, as its creation shows it; default: WEBHOOK_SECRET, or this installation's"
        )
        parser.add_argument("--fail", type=_number, default=0, metavar="N", help="answer the first N with 500")
        parser.add_argument("--once", type=_number, default=0, metavar="N", help="end after N verified deliveries")

    def handle(self, *args: Any, **options: Any) -> None:
        """Receive until Ctrl-C, or until so many have come.

        Raises:
            CommandError: there is no secret, or the port is taken.
        """
        secret = options["secret"] or settings.WEBHOOK_SECRET
        if not secret:
            raise CommandError("There is no secret. Give --secret the one that the endpoint's creation showed.")
        console = make_console(self.stdout)
        book = Book(secret, options["fail"], console)
        try:
            server = _server(options["port"], book)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Port {options['port']} cannot be used: {error}. Choose another with --port.") from None
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        with StopSignals() as signals:
            thread.start()
            console.print(f"Listening on http://{_LOOPBACK}:{server.server_address[1]}/ - Ctrl-C ends it.")
            try:
                while not options["once"] or book.verified < options["once"]:
                    signals.pause(0.1)
            except Interrupted:
                console.print("Stopped.")
            finally:
                server.shutdown()
                server.server_close()


def _number(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a whole number of at least 0")


def _subject(document: dict[str, Any]) -> str:
    task = document.get("task")
    if isinstance(task, dict):
        return plain(f"task:{task.get('task_id')}")
    for kind in ("job", "validation"):
        found = document.get(kind)
        if isinstance(found, dict):
            return plain(f"{kind}:{found.get('id')}")
    return ""


def _server(port: int, book: Book) -> ThreadingHTTPServer:
    class Answer(BaseHTTPRequestHandler):
        timeout = _SILENCE

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdigit()) or int(length) > _LARGEST:
                self.send_error(413 if length.isdigit() else 411)
                return
            status = book.take(self.headers, self.rfile.read(int(length)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: deliveries are shown by the book."""

    class Server(ThreadingHTTPServer):
        # Closing waits for the answers that are being given, so the last one is not cut short.
        daemon_threads = False
        block_on_close = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of a sender that went away."""

    return Server((_LOOPBACK, port), Answer)
