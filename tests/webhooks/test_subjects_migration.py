"""Migration 0006 names what the deliveries of the release before tell of."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from pixtasks.accounts.models import User
from tasktypes.models import WebhookDelivery, WebhookEndpoint


@pytest.mark.django_db
def test_old_rows_get_their_tasks_as_subjects_and_others_keep_theirs(ann: User) -> None:
    endpoint = WebhookEndpoint.objects.create(owner=ann, url="https://hooks.example.com/", secret="s")
    for subject, public_id in (("", "abc"), ("", "def"), ("job:7", "")):
        WebhookDelivery.objects.create(
            endpoint=endpoint, subject=subject, task_public_id=public_id, event="task.completed", body="{}",
            created_at=timezone.now(),
        )  # fmt: skip
    import_module("tasktypes.migrations.0006_webhook_subjects").name_subjects(apps, None)
    subjects = WebhookDelivery.objects.order_by("id").values_list("subject", flat=True)
    assert list(subjects) == ["task:abc", "task:def", "job:7"]
