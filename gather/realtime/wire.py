"""The short way out: frames that are written once for all clients, and several of them in one write.

Each ``websocket.send`` of ASGI goes through the whole protocol machine, for every client anew, while the bytes of an
uncompressed text message from a server are the same for all (RFC 6455, section 5.2). Where the server is uvicorn's
and nothing is compressed they go to its transport as they are, under its own flow control; else one by one by ASGI.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State


def encoded(text: bytes) -> bytes:
    """Return a text message as a server sends it: one frame, final, not masked."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2) + text
    return b"\x81\x7f" + size.to_bytes(8) + text


class ShortWay:
    """Writes to one client past the protocol machine."""

    def __init__(self, protocol: WebSocketsSansIOProtocol) -> None:
        self._protocol = protocol

    @classmethod
    def found(cls, send: Callable[..., Any]) -> ShortWay | None:
        """Return the short way of a connection, once it is accepted; None where there is none."""
        protocol = getattr(send, "__self__", None)
        if isinstance(protocol, WebSocketsSansIOProtocol) and not protocol.conn.extensions:
            return cls(protocol)
        return None

    async def write(self, data: bytes) -> None:
        """Write whole messages; waits while the client reads slower than it is written to.

        Raises:
            OSError: the client has left.
        """
        protocol = self._protocol
        await protocol.writable.wait()
        closed = protocol.disconnected or protocol.close_sent or protocol.transport.is_closing()
        if closed or protocol.conn.state is not State.OPEN:
            raise ClientDisconnected
        protocol.transport.write(data)
