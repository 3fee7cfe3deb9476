"""Bodies that are wrong below the level of any schema: as bytes, not as values."""

from __future__ import annotations

import json
import random
from typing import Any

LARGEST = 1_000_000
"""As DATA_UPLOAD_MAX_MEMORY_SIZE."""

RAW: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \r\n\t ",
    "not JSON": b"name=x&other=y",
    "a word": b"hello",
    "half an object": b'{"name": "x"',
    "half a string": b'{"name": "x',
    "two documents": b"{}{}",
    "a comma too many": b'{"name": "x",}',
    "single quotes": b"{'name': 'x'}",
    "a comment": b'{/* */"name": "x"}',
    "null": b"null",
    "true": b"true",
    "a number": b"7",
    "a string": b'"x"',
    "an array": b"[]",
    "an array of arrays": b"[[]]",
    "an array of nulls": b"[null, null]",
    "an array of numbers": b"[1, 2, 3]",
    "an object of objects": b'{"a": {"b": {"c": {}}}}',
    "deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "deep arrays, open": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep objects, open": b'{"a":' * 100_000,
    "101 levels": b"[" * 101 + b"]" * 101,
    "1e999": b'{"name": 1e999, "priority": -1e999}',
    "1e999 alone": b"1e999",
    "many digits": b'{"name": ' + b"9" * 5_000 + b"}",
    "digits to the limit": b'{"priority": ' + b"9" * 4_000 + b"}",
    "many decimals": b'{"name": 0.' + b"1" * 100_000 + b"}",
    "a negative zero": b'{"priority": -0, "limit": -0.0}',
    "an exponent of many digits": b'{"priority": 1e' + b"9" * 1_000 + b"}",
    "leading zeros": b'{"priority": 007}',
    "hex number": b'{"priority": 0x7}',
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": Infinity}',
    "-Infinity": b'{"priority": -Infinity}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a lone low surrogate": b'{"\\udfff": 1}',
    "surrogates the wrong way round": b'{"name": "\\udc00\\ud800"}',
    "a NUL": b'{"name": "a\\u0000b"}',
    "a NUL in a key": b'{"na\\u0000me": 1}',
    "raw NULs": b'{"name": "a\x00b"}',
    "only NULs": b"\x00" * 100,
    "control characters": b'{"name": "a\x01\x1fb"}',
    "duplicate keys": b'{"name": "x", "name": "y"}',
    "duplicate keys by escape": b'{"name": "x", "\\u006eame": "y"}',
    "duplicate keys below": b'{"parameters": {"a": 1, "a": 2}, "params": {"a": 1, "a": 2}}',
    "a key of 100 KB": b'{"' + b"k" * 100_000 + b'": 1}',
    "a key of 100 KB, twice": (b'{"' + b"k" * 100_000 + b'": 1, "' + b"k" * 100_000 + b'": 2}'),
    "a value of 900 KB": b'{"name": "' + b"v" * 900_000 + b'"}',
    "an empty key": b'{"": ""}',
    "__proto__": b'{"__proto__": {"is_staff": true}, "constructor": {}, "__class__": 1}',
    "100,000 keys": b"{" + b",".join(b'"%d":1' % number for number in range(90_000)) + b"}",
    "100,000 items": b"[" + b",".join([b"{}"] * 100_000) + b"]",
    "100,000 wrong names": b'{"keywords": [' + b",".join([b"1"] * 100_000) + b"]}",
    "a BOM": b'\xef\xbb\xbf{"name": "x"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "UTF-32": '{"name": "x"}'.encode("utf-32"),
    "Latin-1": '{"name": "é"}'.encode("latin-1"),
    "overlong UTF-8": b'{"name": "\xc0\xaf"}',
    "CESU-8": b'{"name": "\xed\xa0\xbd\xed\xb8\x80"}',
    "UTF-7": b'{"name": "+ADw-script+AD4-"}',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00C\xbf\xa6\xa3\x02\x00\x00\x00",
    "a form": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "YAML": b"!!python/object/apply:os.system ['true']",
    "pickle": b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94.",
    "too large": b'{"name": "' + b"v" * LARGEST + b'"}',
    "too large, and nothing": b" " * (LARGEST + 1),
}
"""What is sent as application/json."""

TYPES = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/json; charset=utf-16",
    "application/json; charset=no-such",
    "APPLICATION/JSON",
    "application/octet-stream",
    "json",
    "",
    "/",
    "application/json, text/html",
    "a" * 5_000,
    "application/vnd.api+json",
)
"""Content types, each with the body that the operation wants."""

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    10**100,
    0.5,
    -0.0,
    1e308,
    5e-324,
    "",
    " ",
    "x" * 20_000,
    "\u202e\u200b",
    "\U0001f600" * 300,
    "é\u0301" * 100,
    "'; DROP TABLE task_list; --",
    "../../etc/passwd",
    "{{7*7}}",
    "%s%n%00",
    "NaN",
    "0x10",
    "2020-13-45T99:99:99Z",
    "9999-12-31T23:59:59.999999+14:00",
    "0000-00-00",
    [],
    [[]],
    [None],
    [0] * 2_000,
    {},
    {"": {}},
    {"$ref": "#"},
    {"a" * 300: 1},
)
"""Values that a field meets in place of its own."""


def variations(body: Any, fields: list[str]) -> list[bytes]:
    """Return a good body with each of its fields, and each documented one, holding each odd value."""
    plain = body if isinstance(body, dict) else {}
    names = list(dict.fromkeys([*plain, *fields]))
    return [json.dumps({**plain, name: odd}).encode() for name in names for odd in ODD]


def fuzz(body: bytes, rng: random.Random) -> bytes:
    """Return a body with some of its bytes changed, dropped, doubled or swapped for pieces of other bodies."""
    data = bytearray(body or b"{}")
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if data:
                data[at % len(data)] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randint(1, 8)]
            case 2:
                data[at:at] = data[at : at + rng.randint(1, 40)]
            case 3:
                data[at:at] = rng.choice(_PIECES)
            case 4:
                data[at : at + rng.randint(1, 8)] = rng.choice(_PIECES)
            case _:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 6)))
    return bytes(data[:200_000])


_PIECES = (
    *(b"[", b"]", b"{", b"}", b":", b",", b'"', b"\\", b"\\u0000", b"\\ud83d", b"\xff", b"\x00", b"null", b"true"),
    *(b"1e400", b"-", b"9" * 30, b"9" * 5000, b"NaN", b"[" * 200, b'{"a":' * 200, b'"' + b"k" * 3000 + b'":1,'),
)
