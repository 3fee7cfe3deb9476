"""Listening sockets and the sentences where one is not to be had."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pixtasks.common.listening import CannotListen, Listener, listen


@contextmanager
def listening(host: str, port: int = 0) -> Iterator[Listener]:
    listener = listen(host, port)
    try:
        yield listener
    finally:
        listener.socket.close()


def test_port_0_picks_a_free_port_that_answers() -> None:
    with listening("127.0.0.1") as listener:
        assert listener.port > 0
        assert listener.url == f"http://127.0.0.1:{listener.port}"
        assert listener.endpoint == f"127.0.0.1:{listener.port}"
        assert listener.is_loopback
        with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as client:
            accepted, _ = listener.socket.accept()
            # Without it small answers wait for the caller's delayed acknowledgement.
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            accepted.close()
            assert client.getpeername()[1] == listener.port


def test_a_name_stays_a_name_in_the_address() -> None:
    with listening("localhost") as listener:
        assert listener.url == f"http://localhost:{listener.port}"
        assert "localhost" in listener.names
        assert listener.is_loopback


def test_all_addresses_are_called_by_loopback_here_and_by_their_names_from_outside() -> None:
    with listening("0.0.0.0") as listener:
        assert not listener.is_loopback
        assert listener.url == f"http://127.0.0.1:{listener.port}"
        assert socket.gethostname() in listener.names


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_stands_in_brackets(host: str) -> None:
    with listening(host) as listener:
        assert listener.url == f"http://[::1]:{listener.port}"
        assert listener.endpoint == f"[::1]:{listener.port}"
        assert listener.names == ("[::1]",)


def test_a_taken_port_is_named() -> None:
    with listening("127.0.0.1") as listener, pytest.raises(CannotListen, match=f"Port {listener.port} of 127.0.0.1"):
        listen("127.0.0.1", listener.port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a" * 300])
def test_an_address_of_another_machine_is_refused_with_what_to_do(host: str) -> None:
    with pytest.raises(CannotListen, match="is not an address of this machine"):
        listen(host, 0)
