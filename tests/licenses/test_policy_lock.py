"""A policy cannot change between judging an image and storing it; writers do not wait for each other."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError, connection, transaction

from jobs.licenses import LicensePolicy
from jobs.models import Project
from jobs.services.quarantine import change_policy, policy_of_job
from tests import factories


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_writers_share_the_policy_and_a_change_waits_for_them() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite the transaction itself is the lock")
    job = factories.job()
    said: list[object] = []

    def another() -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '200ms'")
                said.append(policy_of_job(job.pk))
                change_policy(Project.objects.get(pk=job.project_id), {"require_derivatives": True})
                said.append("changed")
        except OperationalError:
            said.append("waits")
        finally:
            connection.close()

    def ask() -> None:
        thread = threading.Thread(target=another)
        thread.start()
        thread.join(30)

    with transaction.atomic():
        assert policy_of_job(job.pk) == LicensePolicy()
        ask()
    assert said == [LicensePolicy(), "waits"]
    ask()
    assert said[2:] == [LicensePolicy(), "changed"]
    assert policy_of_job(job.pk) == LicensePolicy(require_derivatives=True)
