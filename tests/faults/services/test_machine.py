"""The machine: a full disk, a folder that cannot be written, no file descriptor left, clocks that are wrong."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.fleet import MANAGE
from tests.faults.services.houses import MEMBERS, ended_processes, fetching, open_for_work, pictures
from tests.faults.services.machine import SmallDisk, few_descriptors, small_disk, wrong_clock
from tests.faults.services.visitor import GENEROUS_SECONDS, Visitor
from tests.faults.site import QUICK, Ground, Site, ground
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process

WAITING = "SELECT count(*) FROM tasktypes_taskevent WHERE type = 'postponed'"
# What a worker says: it cannot even ask PostgreSQL for work; on SQLite the task itself is told.
_NO_DESCRIPTOR = ("Too many open files", "worker beat failed", "unable to open database file")
HOUR = 3600
JSON = "application/json"


@dataclass
class House:
    """A site whose data folder is a disk of its own, and somebody who asks for work."""

    site: Site
    disk: SmallDisk
    visitor: Visitor

    def start_a_crawl(self) -> None:
        assert self.visitor.ask_job().status == 200

    def until_it_waits(self) -> str:
        """Wait until a task says that it waits; return why."""
        before = self.site.database.value(WAITING)
        wait_for(lambda: self.site.database.value(WAITING) > before, "a task waits", seconds=60)
        return str(self.site.database.value("SELECT error_message FROM task_list WHERE status = 'pending'"))

    def settled(self, *, may_end: str = "") -> None:
        """Work is accepted again; everything accepted is done, at no cost to any task's retries."""
        self.visitor.until_accepted()
        assert self.visitor.faults() == []
        ended = ended_processes(self.site, *MEMBERS[:3])
        if may_end:
            ended.pop(may_end, None)
            self.site.fleet.ends(may_end).clear()
        assert ended == {}
        assert self.visitor.costs()[0] == 0


@contextmanager
def opened(ground: Ground, folder: str, *, jobs: int) -> Iterator[House]:
    """Open a site of which one folder is a small disk."""
    with ExitStack() as stack:
        web = stack.enter_context(pictures())
        settings = {**QUICK, **fetching(web), "PIXTASKS_TROUBLE_WAIT_SECONDS": "0.5", "PIXTASKS_LEASE_SECONDS": "20"}
        site = stack.enter_context(ground.site(settings))
        disk = stack.enter_context(small_disk(site, site.data / folder, 40))
        yield House(site, disk, open_for_work(site, web, jobs=jobs))


@pytest.fixture(scope="module")
def house(fault_ground: Ground) -> Iterator[House]:
    """The folder of the images is a disk of its own."""
    with opened(fault_ground, "images", jobs=14) as made:
        yield made


@pytest.fixture(scope="module")
def sqlite_house(fault_ground: Ground) -> Iterator[House]:
    """The database is a file on a disk of its own, whatever the other tests run on."""
    with ExitStack() as stack:
        without_servers = stack.enter_context(ground("", "")) if fault_ground.redis_url else fault_ground
        yield stack.enter_context(opened(without_servers, "", jobs=5))


def test_a_full_disk_of_images_costs_a_wait_and_leaves_no_part_of_a_picture(house: House) -> None:
    with house.disk.full("worker"):
        house.start_a_crawl()
        if house.disk.mounted:
            assert "No space left on device" in house.until_it_waits()
        assert all(answer.accepted for answer in house.visitor.ask_all().values()), "all other work goes on"
    house.settled()


def test_a_folder_of_images_that_cannot_be_written_costs_a_wait(house: House) -> None:
    with house.disk.read_only():
        house.start_a_crawl()
        if house.disk.mounted:
            assert "Read-only file system" in house.until_it_waits()
    house.settled()


def test_a_full_disk_of_the_database_refuses_requests_and_loses_nothing(sqlite_house: House) -> None:
    visitor = sqlite_house.visitor
    visitor.ask(5)
    visitor.until_running()
    with sqlite_house.disk.full("web", "dispatcher", "worker"):
        refused = wait_for(lambda: [answer for answer in visitor.ask_all().values() if not answer.accepted], "no room")
        assert [answer for answer in refused if not answer.unavailable] == []
        assert visitor.call("J", "GET", "/healthz").status == 200
    sqlite_house.settled()


def test_a_worker_without_file_descriptors_costs_no_task(house: House) -> None:
    with few_descriptors(house.site, ["worker"], 10):
        house.start_a_crawl()
        wait_for(
            lambda: any(told in house.site.fleet.log("worker") for told in _NO_DESCRIPTOR), "none left", seconds=60
        )
    # Where the broker is a folder the worker's main process needs some, too: it ends, and is started again.
    house.settled(may_end="worker")


def test_a_web_process_without_file_descriptors_answers_again_once_there_are_some(house: House) -> None:
    host, port = house.visitor.url.hostname or "", house.visitor.url.port or 0
    files = Path(f"/proc/{house.site.fleet.pid('web')}/fd")
    client = http.client.HTTPConnection(host, port, timeout=GENEROUS_SECONDS)
    client.connect()
    with few_descriptors(house.site, ["web"], 60), ExitStack() as idle, closing(client):
        for _ in range(100):
            idle.enter_context(socket.create_connection((host, port), timeout=30))
        wait_for(lambda: len(list(files.iterdir())) >= 59, "no descriptor left", seconds=60)
        client.request("POST", "/tasks/faults.count", json.dumps({"payload": {"items": 1}}), {"Content-Type": JSON})
        answer = client.getresponse()
        text = answer.read()
        assert answer.status in (201, 503), (answer.status, text)
        house.visitor.ids += [json.loads(text)["id"]] if answer.status == 201 else []
        idle.close()
        wait_for(lambda: house.visitor.ask_database().accepted, "work accepted again", seconds=60)
    house.settled()


@pytest.mark.services
def test_processes_whose_clock_is_an_hour_wrong_follow_the_clock_of_the_database(fault_ground: Ground) -> None:
    late, early = wrong_clock(HOUR), wrong_clock(-HOUR)
    if late is None or early is None:
        pytest.skip("libfaketime is not installed (Debian: apt-get install faketime)")
    with fault_ground.site({**QUICK, "PIXTASKS_LEASE_SECONDS": "3"}) as site:
        visitor = Visitor(site, site.fleet.web())
        site.fleet.start("dispatcher", [sys.executable, MANAGE, "dispatcher"], environment=late)
        site.fleet.worker("late", slots=1, environment=late)
        site.fleet.worker("early", slots=1, environment=early)
        site.until_workers(2)
        later = site.submit("faults.count", [{"items": 1}], after=HOUR / 2)
        # Each of these runs longer than its lease.
        visitor.ids += site.submit("faults.count", [{"items": 40, "pause": 0.1}] * 4)["tasks"]
        wait_for(lambda: site.open_tasks() == 1, "all but the postponed one ended", seconds=90)
        assert site.database.rows("SELECT id, status FROM task_list WHERE status <> 'completed'") == [
            (later["tasks"][0], "pending")
        ]
        assert visitor.costs() == (0, 0)
        site.control("cancel_group", group_id=later["group"])
        assert visitor.faults() == []
