"""``manage.py schedule_gather``."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import PeriodicTask

from jobs.models import Project

pytestmark = pytest.mark.django_db
NAME = "gather: office-machines"


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("schedule_gather", *args, stdout=out)
    return out.getvalue()


def as_object(*args: str) -> Any:
    return json.loads(run(*args, "--json"))


def test_it_says_when_in_words_and_the_next_three_times(project: Project) -> None:
    shown = run("office-machines", "--cron", "0 3 * * mon", "--count", "10")
    assert f"{NAME}: created" in shown
    assert "At 03:00 AM, only on Monday UTC" in shown
    assert shown.count("T03:00:00Z") == 3
    assert f"{NAME}: unchanged" in run(str(project.pk), "--cron", "0 3 * * mon", "--count", "10")


def test_every_option_reaches_the_gather(project: Project) -> None:
    found = as_object(
        "office-machines", "--cron", "30 6 1 * *", "--count", "4", "--timezone", "Asia/Tokyo", "--save-interval", "2",
        "--stop-on-error", "--keyword", "laptop", "--keyword", "desk", "--engine", "sample", "--name", "monthly",
    )  # fmt: skip
    assert (found["name"], found["outcome"], found["cron"], found["timezone"]) == (
        "monthly", "created", "30 6 1 * *", "Asia/Tokyo",
    )  # fmt: skip
    options = found["parameters"]["options"]
    assert (options["saveInterval"], options["errorRecovery"]) == (2, False)
    assert (options["keywords"], options["engines"]) == (["laptop", "desk"], ["sample"])
    assert all(moment.endswith("T21:30:00Z") for moment in found["next"])


def test_other_values_need_update(project: Project) -> None:
    run("office-machines", "--cron", "0 3 * * *", "--count", "1")
    with pytest.raises(CommandError, match=r"count 1, not 2.*--update does"):
        run("office-machines", "--cron", "0 3 * * *", "--count", "2")
    assert as_object("office-machines", "--cron", "0 3 * * *", "--count", "2", "--update")["outcome"] == "updated"


def test_it_pauses_resumes_lists_and_removes(project: Project) -> None:
    assert "No gather is scheduled" in run("--list")
    run("office-machines", "--cron", "0 3 * * *", "--count", "1")
    assert as_object("office-machines", "--pause")["outcome"] == "paused"
    assert "paused" in run("--list")
    assert as_object("--name", NAME, "--resume")["outcome"] == "resumed"
    assert as_object("--name", NAME, "--resume")["outcome"] == "unchanged"
    (listed,) = as_object("office-machines", "--list")
    assert (listed["name"], listed["enabled"], listed["last"]) == (NAME, True, "never ran")
    assert as_object("office-machines", "--remove") == {"name": NAME, "outcome": "removed"}
    assert not PeriodicTask.objects.filter(name=NAME).exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "Say which project"),
        (["nowhere", "--cron", "* * * * *", "--count", "1"], "There is no project 'nowhere'"),
        (["office-machines", "--cron", "* * * * *"], "Give --count"),
        (["office-machines", "--cron", "0 99 * * *", "--count", "1"], "cron: hour: '99' is not understood"),
        (["office-machines", "--cron", "0 3 * * *", "--count", "101"], "gatherCount must be between 1 and 100"),
        (["office-machines", "--pause", "--count", "1"], "--count does not go with --pause"),
        (["office-machines", "--pause"], "There is no gather schedule"),
        (["office-machines", "--cron", "0 3 * * *", "--count", "1", "--engine", "nowhere"], "nowhere"),
    ],
)
def test_what_is_wrong_is_said(project: Project, args: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(*args)
