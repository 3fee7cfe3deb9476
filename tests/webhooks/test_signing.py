"""Signatures of webhooks (CONTRACT X46)."""

from __future__ import annotations

import pytest

from pixtasks.common.signing import InvalidSignature, new_secret, sign, verify

BODY = b'{"taskId":"1"}'
NOW = 1_760_000_000


def test_the_signature_is_the_hex_hmac_of_the_timestamp_and_the_raw_body() -> None:
    # printf '1760000000.{"taskId":"1"}' | openssl dgst -sha256 -hmac secret
    expected = "3e22d492551bdab895ea997bc07b176e77a9318cee12e3246342f30a51327243"
    assert sign("secret", BODY, NOW) == expected
    assert sign("secret", BODY) == "e25032c2b355380a395ad9cd504019b2f043bf603a3e53c270ae41520c3c6eee"


@pytest.mark.parametrize("form", ["{}", "sha256={}", " {} "])
def test_it_is_accepted_with_and_without_its_prefix(form: str) -> None:
    signature = sign("secret", BODY, NOW)
    verify(["secret"], BODY, [form.format(signature)], timestamp=str(NOW), now=NOW)
    verify(["secret"], BODY, [form.format(signature.upper())], timestamp=str(NOW), now=NOW)


def test_without_a_timestamp_the_body_alone_is_signed() -> None:
    verify(["secret"], BODY, [sign("secret", BODY)])
    with pytest.raises(InvalidSignature):
        verify(["secret"], BODY, [sign("secret", BODY, NOW)])


def test_each_live_secret_is_accepted_in_each_header() -> None:
    new, old = (sign(secret, BODY, NOW) for secret in ("new", "old"))
    for live in (["new"], ["old"], ["old", "other"]):
        verify(live, BODY, [new, old], timestamp=str(NOW), now=NOW)
    with pytest.raises(InvalidSignature):
        verify(["older"], BODY, [new, old], timestamp=str(NOW), now=NOW)


@pytest.mark.parametrize("signature", [None, "", "sha256=", "0" * 64, "é", "\udcff", sign("other", BODY, NOW)])
def test_anything_else_is_refused(signature: str | None) -> None:
    with pytest.raises(InvalidSignature):
        verify(["secret"], BODY, [signature], timestamp=str(NOW), now=NOW)


def test_another_body_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(["secret"], BODY + b" ", [sign("secret", BODY, NOW)], timestamp=str(NOW), now=NOW)


def test_without_a_secret_nothing_is_accepted() -> None:
    with pytest.raises(InvalidSignature):
        verify([], BODY, [sign("", BODY, NOW)], timestamp=str(NOW), now=NOW)


@pytest.mark.parametrize(("away", "accepted"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_the_timestamp_must_be_within_five_minutes(away: int, accepted: bool) -> None:
    signature = sign("secret", BODY, NOW)
    if accepted:
        verify(["secret"], BODY, [signature], timestamp=str(NOW), now=NOW + away)
        return
    with pytest.raises(InvalidSignature, match="300 seconds away"):
        verify(["secret"], BODY, [signature], timestamp=str(NOW), now=NOW + away)


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "1.5", "١٢٣", "9" * 13, f" {NOW}"])
def test_a_malformed_timestamp_is_refused(timestamp: str) -> None:
    with pytest.raises(InvalidSignature, match="not a Unix time"):
        verify(["secret"], BODY, [sign("secret", BODY, timestamp)], timestamp=timestamp, now=NOW)


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(secret.startswith("whsec_") and len(secret) > 45 for secret in made)
