"""An engine whose pages a test lays out, and short ways to run gathers with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gather.models import GatherRun
from gather.params import GatherOptions
from gather.services import runs
from jobs.engines import Candidate, Page, Query, Web, engines
from jobs.models import Image
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tests.ledger import run_task


class Shelf:
    """Gives the addresses that lie on it, so many a page; the cursor is the number of the next page.

    Attributes:
        addresses: by keyword.
        asked: (keyword, cursor) of every page that was asked for.
        before: called before every answer; may raise.
    """

    description = "Does what the test says."
    Options = engines["sample"].Options

    def __init__(self, name: str = "shelf", *, per_page: int = 4, rate_limited: bool = False) -> None:
        self.name = name
        self.per_page = per_page
        self.rate_limited = rate_limited
        self.addresses: dict[str, Sequence[str]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.before: Callable[[str, str | None], None] = lambda keyword, cursor: None

    def missing(self) -> list[str]:
        return []

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        self.asked.append((query.keyword, cursor))
        self.before(query.keyword, cursor)
        addresses = self.addresses.get(query.keyword, ())
        begin = int(cursor or 0) * self.per_page
        end = begin + self.per_page
        following = str(int(cursor or 0) + 1) if end < len(addresses) else None
        return Page(tuple(Candidate(image_url=address) for address in addresses[begin:end]), following)


def gather(caller: User, count: int = 10, project: str = "cats", **options: Any) -> GatherRun:
    """Start a run of the keyword "cat" at the shelf; nothing runs it."""
    options = {"keywords": ["cat"], "engines": ["shelf"], **options}
    return runs.start(
        caller=caller, project_id=project, gather_count=count, options=GatherOptions.model_validate(options)
    )


def attempt(run: GatherRun) -> GatherRun:
    """Run one attempt and return the run as it is then."""
    run_task(Task.objects.get(pk=run.task_id))
    return fresh(run)


def fresh(run: GatherRun) -> GatherRun:
    return GatherRun.objects.select_related("task", "job__group", "project").get(pk=run.pk)


def addresses_of(images: Iterable[Image]) -> list[str]:
    return [image.source_url for image in images]
