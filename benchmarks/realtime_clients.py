"""Many cheap WebSocket clients in one process: they read frames and note when each came.

Run by ``benchmarks.realtime``; reads its orders from the command line and writes what it saw to a file.
"""

from __future__ import annotations

import base64
import json
import os
import re
import selectors
import socket
import sys
import time
from array import array
from pathlib import Path

_FRAME = re.compile(rb'"channel":"task:([^"]+)","seq":(\d+),.*?"at":([\d.]+)', re.DOTALL)


class Client:
    """One connection, and the last seq of each task."""

    def __init__(self, port: int, token: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws/?token={token} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(4096)
        head, _, self.data = answer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0] + b" ":
            raise SystemExit(f"not a WebSocket: {head[:200]!r}")
        self.socket.setblocking(False)
        self.seqs: dict[bytes, int] = {}
        self.frames = 0
        self.out_of_order = 0
        self.closed = False

    def read(self, latencies: array[float]) -> None:
        """Take in what is there."""
        piece = self.socket.recv(262_144)
        now = time.time()
        if not piece:
            self.closed = True
            return
        data = self.data + piece
        at = 0
        while len(data) - at >= 2:
            kind, size = data[at] & 0x0F, data[at + 1]
            begin = at + 2
            if size == 126:
                begin += 2
                size = int.from_bytes(data[at + 2 : begin])
            elif size == 127:
                begin += 8
                size = int.from_bytes(data[at + 2 : begin])
            if len(data) < begin + size or len(data) < begin:
                break
            if kind == 1:
                self._line(data, begin, begin + size, now, latencies)
            elif kind == 9:
                payload = data[begin : begin + size]
                self.socket.send(bytes([0x8A, 0x80 | size, 0, 0, 0, 0]) + payload)
            elif kind == 8:
                self.closed = True
            at = begin + size
        self.data = data[at:]

    def _line(self, data: bytes, begin: int, end: int, now: float, latencies: array[float]) -> None:
        match = _FRAME.search(data, begin, end)
        if match is None:
            return
        task, seq = match[1], int(match[2])
        self.out_of_order += self.seqs.get(task, seq - 1) != seq - 1
        self.seqs[task] = seq
        self.frames += 1
        latencies.append(now - float(match[3]))


def main() -> None:
    """Connect, say so, read until no frame has come for two seconds after the end."""
    port, count, token, out, end_file = sys.argv[1:6]
    clients = [Client(int(port), token) for _ in range(int(count))]
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    Path(f"{out}.ready").touch()
    latencies: array[float] = array("d")
    quiet_since = time.time()
    while not (Path(end_file).exists() and time.time() - quiet_since > 2):
        before = len(latencies)
        for key, _ in selector.select(0.2):
            key.data.read(latencies)
            if key.data.closed:
                selector.unregister(key.fileobj)
        if len(latencies) > before:
            quiet_since = time.time()
    Path(f"{out}.latencies").write_bytes(latencies.tobytes())
    report = {
        "frames": [client.frames for client in clients],
        "out_of_order": sum(client.out_of_order for client in clients),
        "closed": sum(client.closed for client in clients),
        "cpu": time.process_time(),
    }
    Path(f"{out}.draft").write_text(json.dumps(report))
    Path(f"{out}.draft").rename(out)


if __name__ == "__main__":
    main()
