"""Ways to write an address that must not be connected to. ``{port}`` is where the canary listens."""

from __future__ import annotations

import socket

# Hosts, each asked as http://<host>:<port>/.
HOSTS: dict[str, str] = {
    "dotted": "127.0.0.1 127.8.9.10 127.255.255.254 0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1",
    "metadata": "169.254.169.254 168.63.129.16 192.0.0.192 100.100.100.200 [fd00:ec2::254]",
    "special": "192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255",
    "decimal": "2130706433 2852039166 167772161 0 6425673729",
    "octal": "0177.0.0.1 017700000001 0177.0000.0000.0001 00000177.1 0251.0376.0251.0376 00",
    "hex": "0x7f000001 0x7F000001 0x7f.0.0.1 0x7f.0x0.0x0.0x1 0xa9fea9fe 0x0",
    "mixed": "0x7f.1 0177.0x1 127.0x000001 127.0.0.01 127.000.000.001",
    "short": "127.1 127.0.1 10.1 169.254.43518",
    "IPv6": "[::1] [::] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [0::1]",
    "IPv6 ranges": "[fc00::1] [fd12:3456::1] [fe80::1] [fec0::1] [ff02::1] [2001:db8::1] [100::1] [2001:20::1]",
    "v4-mapped": "[::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:127.0.0.1] [0:0:0:0:0:ffff:7f00:0001]"
    " [::ffff:169.254.169.254]",
    "v4-compatible": "[::127.0.0.1] [::7f00:1] [::ffff:0:127.0.0.1]",
    "6to4": "[2002:7f00:1::] [2002:7f00:1::1] [2002:a9fe:a9fe::1] [2002:a00:1::1]",
    "NAT64": "[64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1]",
    "Teredo": "[2001::1] [2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "ISATAP": "[2a00:1450::5efe:127.0.0.1] [2a00:1450::200:5efe:7f00:1]",
    "zone": "[fe80::1%25lo] [fe80::1%lo] [::1%25lo] [::1%lo] [::ffff:127.0.0.1%25lo]",
    "names": "localhost LOCALHOST LocalHost",
    "trailing dots": "127.0.0.1. 127.1. 2130706433. localhost. 127.0.0.1.. [::1].",
    "IDN digits": "１２７.0.0.1 ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 127｡0｡0｡1 ٣.٠.٠.١ ２１３０７０６４３３ [：：１]",
    "IDN letters": "ｌｏｃａｌｈｏｓｔ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ loc\u00adalhost local\u200bhost lоcalhost",
    "percent-encodings": "127.0.0.%31 %31%32%37.0.0.1 loc%61lhost %6c%6f%63alhost [::%31] 127%2e0%2e0%2e1 %5b::1%5d",
    "brackets": "[127.0.0.1] [::1]x x[::1] [[::1]] [::1 ::1]",
}

# Whole addresses, where the trick is not the host. The other host they name is none that may be reached either, so
# that a reader who takes it for the real one fails the test without a word going out.
ADDRESSES: dict[str, list[str]] = {
    "userinfo": [
        "http://user@127.0.0.1:{port}/",
        "http://user:password@127.0.0.1:{port}/",
        "http://@127.0.0.1:{port}/",
        "http://:@127.0.0.1:{port}/",
        "http://10.0.0.1@127.0.0.1:{port}/",
        "http://10.0.0.1:80@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@10.0.0.1/",
        "http://a@b@127.0.0.1:{port}/",
        "http://10.0.0.1%40127.0.0.1:{port}/",
        "http://10.0.0.1%2f@127.0.0.1:{port}/",
    ],
    "backslashes": [
        "http:\\\\127.0.0.1:{port}\\",
        "http:/\\127.0.0.1:{port}/",
        "http://10.0.0.1\\@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@10.0.0.1/",
        "http://127.0.0.1:{port}\\.example.com/",
        "\\\\127.0.0.1:{port}/",
    ],
    "tabs and newlines": [
        "http://127.0.\t0.1:{port}/",
        "ht\ttp://127.0.0.1:{port}/",
        "http://\n127.0.0.1:{port}/",
        "http://127.0.0.1\r\n:{port}/",
        "http://127.0.0.1:{port}/\r\nHost: elsewhere",
        " http://127.0.0.1:{port}/ ",
        "\thttp://127.0.0.1:{port}/\n",
        "http://127.0.0.1 :{port}/",
        "http:// 127.0.0.1:{port}/",
        "http://127.0.0.1\x00.example.com:{port}/",
        "http://127.0.0.1:{port}\x00@10.0.0.1/",
        "\x01http://127.0.0.1:{port}/",
        "\ufeffhttp://127.0.0.1:{port}/",
    ],
    "fragments and queries": [
        "http://127.0.0.1:{port}/#@10.0.0.1/",
        "http://127.0.0.1:{port}#.example.com",
        "http://127.0.0.1:{port}?.example.com",
        "http://10.0.0.1#@127.0.0.1:{port}/",
        "http://10.0.0.1?@127.0.0.1:{port}/",
        "http://10.0.0.1;@127.0.0.1:{port}/",
        "http://127.0.0.1:{port};.example.com/",
    ],
    "slashes": [
        "http:127.0.0.1:{port}/",
        "http:/127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
        "http:////127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        "///127.0.0.1:{port}/",
        "127.0.0.1:{port}/",
        "://127.0.0.1:{port}/",
        "HTTP://127.0.0.1:{port}/",
        "hTTp://127.0.0.1:{port}/../../",
        "https://127.0.0.1:{port}/",
    ],
    "ports": [
        "http://127.0.0.1/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:+{port}/",
        "http://127.0.0.1:0{port}/",
        "http://127.0.0.1:{beyond}/",
        "http://127.0.0.1:99999999999999999999/",
        "http://127.0.0.1:{port}.0/",
        "http://127.0.0.1:0x1f90/",
        "http://127.0.0.1:８０/",
        "http://127.0.0.1:{port}:80/",
        "http://127.0.0.1:22/",
        "http://127.0.0.1:6379/",
    ],
    "other schemes": [
        "file:///etc/passwd",
        "file://127.0.0.1/etc/passwd",
        "file:/etc/passwd",
        "FILE:///etc/passwd",
        "ftp://127.0.0.1:{port}/",
        "ftps://127.0.0.1:{port}/",
        "gopher://127.0.0.1:{port}/_GET%20/",
        "dict://127.0.0.1:{port}/info",
        "ldap://127.0.0.1:{port}/",
        "ldaps://127.0.0.1:{port}/",
        "tftp://127.0.0.1:{port}/x",
        "telnet://127.0.0.1:{port}/",
        "smb://127.0.0.1:{port}/x",
        "scp://127.0.0.1:{port}/x",
        "sftp://127.0.0.1:{port}/x",
        "imap://127.0.0.1:{port}/",
        "pop3://127.0.0.1:{port}/",
        "smtp://127.0.0.1:{port}/",
        "rtsp://127.0.0.1:{port}/",
        "mqtt://127.0.0.1:{port}/x",
        "ws://127.0.0.1:{port}/",
        "unix:///var/run/docker.sock",
        "unix:/var/run/docker.sock:/info",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
        "http://unix:/var/run/docker.sock:/info",
        "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=",
        "javascript:fetch('http://127.0.0.1:{port}/')",
        "jar:http://127.0.0.1:{port}/!/x",
        "view-source:http://127.0.0.1:{port}/",
        "url:http://127.0.0.1:{port}/",
        "http:http://127.0.0.1:{port}/",
        "{{port}}://127.0.0.1:{port}/",
    ],
}


def forms(port: int) -> list[tuple[str, str]]:
    """Return (kind, address) of every form, aimed at the canary's port."""
    named = [socket.gethostname()] if _resolves(socket.gethostname()) else []
    hosts = [(kind, host) for kind, text in HOSTS.items() for host in text.split(" ")]
    hosts += [("own name", name) for name in named]
    found = [(kind, f"http://{host}:{port}/") for kind, host in hosts]
    found += [
        (kind, text.replace("{port}", str(port)).replace("{beyond}", str(port + 65536)))
        for kind, texts in ADDRESSES.items()
        for text in texts
    ]
    return found


def as_location(address: str) -> bytes | None:
    """Return the form as a redirect's Location, None where a header cannot carry it."""
    return None if any(mark in address for mark in "\r\n\0") else address.encode()


def _resolves(name: str) -> bool:
    try:
        socket.getaddrinfo(name, 80)
    except OSError:
        return False
    return True
