"""SIGTERM of each process under load, and a rolling restart: a deploy fails no task and cuts no answer short."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.services.houses import MEMBERS, ended_processes, open_for_work
from tests.faults.services.visitor import CUT, Answer, Visitor
from tests.faults.site import QUICK, Ground, Site
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process

SETTINGS = {**QUICK, "PIXTASKS_LEASE_SECONDS": "20"}


@contextmanager
def load(visitor: Visitor) -> Iterator[list[Answer]]:
    """Ask for work again and again meanwhile; a connection that ends without an answer is tried again, as users do."""
    answers: list[Answer] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.05):
            answers.append(visitor.ask_database())

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()


def told_to_end(site: Site, name: str) -> None:
    """Send SIGTERM to a process and wait until another one runs in its place."""
    before, old = len(site.fleet.ends(name)), site.fleet.pid(name)
    assert site.fleet.send(old, signal.SIGTERM)
    wait_for(lambda: len(site.fleet.ends(name)) > before and site.fleet.pid(name), f"{name} replaced", seconds=60)


def test_a_deploy_of_every_process_fails_no_task_and_no_request(fault_ground: Ground) -> None:
    with fault_ground.site(SETTINGS) as site:
        visitor = open_for_work(site, None, jobs=0, beat=True)
        visitor.ask(10)
        visitor.until_running()
        with load(visitor) as answers:
            for name in MEMBERS:
                told_to_end(site, name)
                known = len(answers)
                wait_for(lambda known=known: any(one.accepted for one in answers[known:]), "served again", seconds=60)
        assert visitor.faults(seconds=120) == []
        assert visitor.costs() == (0, 0)
        assert [one for one in answers if not one.accepted and one.status != CUT] == []
        codes = ended_processes(site, *MEMBERS)
        assert {name: code for name, (code, *_) in codes.items() if name in ("dispatcher", "worker", "beat")} == {
            "dispatcher": 0,
            "worker": 0,
            "beat": 0,
        }


def test_workers_are_restarted_one_after_the_other_under_running_work(fault_ground: Ground) -> None:
    with fault_ground.site(SETTINGS) as site:
        visitor = Visitor(site, site.fleet.web())
        site.fleet.dispatcher()
        for name in ("first", "second"):
            site.fleet.worker(name, slots=1)
        site.until_workers(2)
        for name in ("first", "second"):
            visitor.ids += site.submit("faults.count", [{"items": 20, "pause": 0.05}] * 8)["tasks"]
            visitor.until_running()
            told_to_end(site, name)
            site.until_workers(2)
        assert visitor.faults() == []
        assert visitor.costs() == (0, 0)
        assert ended_processes(site, "first", "second") == {"first": [0], "second": [0]}
