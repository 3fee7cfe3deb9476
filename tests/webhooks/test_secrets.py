"""Two live secrets while one replaces the other, and no secret where it does not belong."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.db.models import F

from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.signing import InvalidSignature
from tasktypes.models import Task, WebhookDelivery
from tasktypes.webhooks.services.endpoints import rotate_secret
from tests.webhooks.conftest import delivery, endpoint_of, ran, retry_now
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db


def test_while_a_secret_is_replaced_both_sign(ann: User, receiver: Receiver) -> None:
    endpoint, first = endpoint_of(ann, receiver)
    endpoint, second = rotate_secret(endpoint, actor=ann, overlap=timedelta(hours=1))
    ran(ann)
    receiver.requests[0].check(first)
    receiver.requests[0].check(second)
    endpoint, third = rotate_secret(endpoint, actor=ann, overlap=timedelta(hours=1))
    ran(ann)
    receiver.requests[1].check(second)
    receiver.requests[1].check(third)
    with pytest.raises(InvalidSignature):
        receiver.requests[1].check(first)
    type(endpoint).objects.update(previous_secret_expires_at=F("created_at") - timedelta(days=1))
    ran(ann)
    receiver.requests[2].check(third)
    with pytest.raises(InvalidSignature):
        receiver.requests[2].check(second)


def test_a_secret_that_has_leaked_ends_at_once(ann: User, receiver: Receiver) -> None:
    endpoint, leaked = endpoint_of(ann, receiver)
    _, fresh = rotate_secret(endpoint, actor=ann, overlap=timedelta(0))
    ran(ann)
    receiver.requests[0].check(fresh)
    with pytest.raises(InvalidSignature):
        receiver.requests[0].check(leaked)


def test_neither_logs_nor_tasks_nor_the_audit_log_hold_a_secret(
    ann: User, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint, first = endpoint_of(ann, receiver)
    _, second = rotate_secret(endpoint, actor=ann, overlap=timedelta(hours=1))
    receiver.answers = [500]
    ran(ann)
    retry_now()
    assert delivery().state == "delivered"
    assert any("failed in attempt" in record.getMessage() for record in caplog.records)
    told = [caplog.text, repr(endpoint), str(endpoint)]
    told += [str(row) for row in Task.objects.values()]
    told += [str(row) for row in AuditEntry.objects.values()]
    told += [str(row) for row in WebhookDelivery.objects.values()]
    assert not [text for text in told if first in text or second in text]
