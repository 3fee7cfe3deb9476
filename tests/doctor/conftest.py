"""An installation that is well, and a command to look at it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import call_command

from jobs.models import CrawlJob
from tasktypes.models.process import Role
from tasktypes.services.processes import Heartbeat
from tests import factories
from tests.ledger import live_worker


@pytest.fixture(autouse=True)
def _empty_storage() -> Iterator[None]:
    """Begin without the files of other tests, and leave none."""
    shutil.rmtree(storages["images"].path(""), ignore_errors=True)
    yield
    shutil.rmtree(storages["images"].path(""), ignore_errors=True)


@pytest.fixture
def served(db: None) -> None:
    """Worker, dispatcher and scheduler were heard of just now."""
    live_worker()
    for role in Role:
        Heartbeat(role).beat()


@pytest.fixture
def job(db: None) -> CrawlJob:
    """A completed job whose three images have rows, files and counters that agree."""
    made = factories.started_job()
    for _ in range(3):
        factories.image(made)
    return factories.end_job(made, images=3, outcomes={"stored": 3})


@dataclass(frozen=True)
class Examined:
    """What the command said."""

    code: int
    report: dict[str, Any]

    def of(self, name: str) -> dict[str, Any]:
        """The outcome of one check."""
        return next(check for check in self.report["checks"] if check["name"] == name)

    @property
    def faults(self) -> dict[str, str]:
        """Name and status of the checks that are not ok."""
        return {check["name"]: check["status"] for check in self.report["checks"] if check["status"] != "ok"}


def doctor(*arguments: str) -> Examined:
    """Run ``manage.py doctor --json``."""
    output = StringIO()
    code = 0
    try:
        call_command("doctor", "--json", *arguments, stdout=output)
    except SystemExit as end:
        code = int(end.code or 0)
    return Examined(code, json.loads(output.getvalue()))
