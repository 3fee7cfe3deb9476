"""Makes a self-signed certificate with nothing but the standard library (X.509: RFC 5280, RSA: RFC 8017)."""

from __future__ import annotations

import base64
import hashlib
import math
import random
from pathlib import Path

_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")
_RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")


def make_certificate(path: Path) -> None:
    """Write a key and a certificate of "127.0.0.1" that nobody trusts, both as PEM, into one file."""
    generator = random.Random(1)
    p, q = _prime(generator), _prime(generator)
    n, e = p * q, 65537
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    name = _der(0x30, _der(0x31, _der(0x30, bytes.fromhex("0603550403"), _der(0x0C, b"127.0.0.1"))))
    dates = _der(0x30, _der(0x17, b"200101000000Z"), _der(0x17, b"491231235959Z"))
    key = _der(0x30, _RSA, _der(0x03, b"\0", _der(0x30, _integer(n), _integer(e))))
    body = _der(0x30, _der(0xA0, _integer(2)), _integer(1), _RSA_SHA256, name, dates, name, key)
    digest = _SHA256 + hashlib.sha256(body).digest()
    padded = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
    signature = pow(int.from_bytes(padded, "big"), d, n).to_bytes(256, "big")
    certificate = _der(0x30, body, _RSA_SHA256, _der(0x03, b"\0", signature))
    numbers = (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    private = _der(0x30, *(_integer(number) for number in numbers))
    path.write_text(_pem("RSA PRIVATE KEY", private) + _pem("CERTIFICATE", certificate))


def _prime(generator: random.Random) -> int:
    while True:
        number = generator.getrandbits(1024) | 3 << 1022 | 1
        small = all(number % divisor for divisor in range(3, 2000, 2))
        if small and number % 65537 != 1 and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7)):
            return number


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 128 | len(length))) + length + body


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _pem(label: str, data: bytes) -> str:
    text = base64.encodebytes(data).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"
