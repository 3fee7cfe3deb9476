"""What is pushed to whom (CONTRACT G32, G39, X48, X49, X50)."""

from __future__ import annotations

import hashlib
import re

import pytest
from django.utils import timezone

from gather.models import ReceivedEvent
from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import local_user
from tasktypes.services.cancel import cancel_task
from tasktypes.services.settle import Settlement, settle
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tests.realtime.conftest import Work, as_user, numbers
from tests.realtime.server import Server


def received(task: str, event: str = "progress", **data: object) -> ReceivedEvent:
    """Insert what the progress webhook took in."""
    now = timezone.now()
    digest = hashlib.sha256(f"{task}{event}{data}".encode()).hexdigest()
    return ReceivedEvent.objects.create(
        body_sha256=digest, task_public_id=task, event=event, data=data, sent_at=now, received_at=now
    )


@pytest.mark.parametrize("path", ["/", "/ws", "/ws/"])
def test_own_tasks_are_pushed_without_subscribing(server: Server, ann: User, path: str) -> None:
    with server.socket(as_user(ann), path=path) as client:
        (task,) = submit([NewTask(type_name="jobs.sweep_files")], owner_id=ann.pk)
        frame = client.read()
    timestamp, cursor = frame["data"].pop("timestamp"), frame.pop("cursor")
    assert frame == {
        "channel": f"task:{task.public_id}",
        "seq": 1,
        "id": frame["id"],
        "data": {
            "taskId": task.public_id,
            "taskType": "jobs.sweep_files",
            "event": "submitted",
            "status": "pending",
            "data": {},
        },
    }
    assert timestamp.endswith("Z")
    assert re.fullmatch(r"\d+\.\d+", cursor)


def test_a_history_is_told_in_order_and_in_the_words_of_the_updates(server: Server, ann: User) -> None:
    with server.socket(as_user(ann)) as client:
        work = Work(ann)
        work.report(1, 2)
        attempt = work.context.task.attempt
        settle([Settlement(task_id=work.task.pk, attempt=attempt, status=State.FAILED, error_message="no more")])
        frames = client.frames(5)
    told = [(frame["seq"], frame["data"]["event"], frame["data"]["status"]) for frame in frames]
    assert told == [
        (1, "submitted", "pending"),
        (2, "started", "running"),
        (3, "progress", "running"),
        (4, "progress", "running"),
        (5, "error", "failed"),
    ]
    assert frames[-1]["data"]["data"] == {"error": "no more"}


def test_what_is_cancelled_is_told(server: Server, ann: User) -> None:
    with server.socket(as_user(ann)) as client:
        (task,) = submit([NewTask(type_name="jobs.sweep_files")], owner_id=ann.pk)
        cancel_task(task.pk)
        assert [frame["data"]["event"] for frame in client.frames(2)] == ["submitted", "cancelled"]


def test_a_gather_is_told_as_its_status_tells_it(server: Server, ann: User) -> None:
    work = Work(ann)
    type(work.task).objects.filter(pk=work.task.pk).update(type_name="automated_gather")
    figures = {"currentIteration": 3, "totalIterations": 4, "percentage": 75, "message": "Processing iteration 3 of 4"}
    with server.socket(as_user(ann)) as client:
        work.context.checkpoint(progress={**figures, "images": 9, "duplicates": 1, "outcomes": {}})
        work.context.checkpoint(progress={**figures, "images": 9, "error": "no answer"})
        settle([Settlement(task_id=work.task.pk, attempt=work.context.task.attempt, status=State.COMPLETED)])
        told = [(frame["data"]["event"], frame["data"]["data"]) for frame in client.frames(3)]
    assert told == [
        ("progress", figures),
        ("error", {**figures, "error": "no answer"}),
        ("complete", {**figures, "percentage": 100, "message": "Gather completed"}),
    ]


def test_somebody_elses_tasks_are_not_pushed_and_not_subscribed_to(server: Server, ann: User, ben: User) -> None:
    foreign, own = Work(ben), Work(ann)
    with server.socket(as_user(ann)) as client:
        refusal = client.ask(action="subscribe", channel=foreign.channel)
        assert refusal == {"error": "FORBIDDEN", "message": "Access denied to this resource"}
        assert client.ask(action="subscribe", channel="task:nobody-knows")["error"] == "NOT_FOUND"
        assert client.ask(action="subscribe", channel="all")["error"] == "FORBIDDEN"
        foreign.report(1)
        own.report(2)
        assert numbers([client.read()]) == [2]


def test_staff_hear_one_task_or_all_and_by_themselves_their_own(server: Server, ann: User, staff: User) -> None:
    one, other, own = Work(ann), Work(None), Work(staff)
    with server.socket(as_user(staff)) as client:
        assert client.ask(action="subscribe", channel=one.channel)["action"] == "subscribed"
        other.report(1)
        one.report(2)
        own.report(3)
        assert numbers(client.frames(2)) == [2, 3]
        assert client.ask(action="subscribe", channel="all")["action"] == "subscribed"
        other.report(4)
        one.report(5)
        assert numbers(client.frames(2)) == [4, 5]
        assert client.ask(action="unsubscribe", channel="all") == {"action": "unsubscribed", "channel": "all"}
        other.report(6)
        one.report(7)
        assert numbers([client.read()]) == [7]


def test_the_channel_may_stand_in_the_address(server: Server, ann: User, staff: User) -> None:
    work = Work(ann)
    with server.socket(f"{as_user(staff)}&channel=all") as client:
        work.report(1)
        assert numbers([client.read()]) == [1]


def test_events_of_unknown_tasks_go_to_staff_alone(server: Server, ann: User, staff: User) -> None:
    own = Work(ann)
    with server.socket(as_user(staff)) as watching, server.socket(as_user(ann)) as other:
        event = received("elsewhere-1", currentIteration=1)
        own.report(1)
        frame = watching.read()
        assert numbers([other.read()]) == [1]
    assert (frame["channel"], frame["seq"], frame["id"]) == ("task:elsewhere-1", event.pk, f"r{event.pk}")
    assert frame["data"]["event"] == "progress"
    assert frame["data"]["data"] == {"currentIteration": 1}


def test_events_of_unknown_tasks_can_be_caught_up_with(server: Server, staff: User) -> None:
    first = received("elsewhere-2", currentIteration=1)
    second = received("elsewhere-2", currentIteration=2)
    with server.socket(as_user(staff)) as client:
        client.say(action="subscribe", channel="task:elsewhere-2", since=first.pk)
        frames = client.until_action("subscribed")
        third = received("elsewhere-2", "complete", currentIteration=3)
        frames.append(client.read())
    assert [frame["seq"] for frame in frames] == [second.pk, third.pk]
    assert frames[-1]["data"]["status"] == "completed"


def test_an_event_that_was_taken_in_about_a_handlers_task_goes_to_its_owner(
    server: Server, ann: User, ben: User
) -> None:
    work, foreign = Work(ann), Work(ben)
    with server.socket(as_user(ann)) as client:
        received(foreign.task.public_id, n=1)
        received(work.task.public_id, n=2)
        frame = client.read()
    assert frame["seq"] is None, "it is no line of the ledger's history"
    assert frame["data"]["data"] == {"n": 2}


def test_local_is_pushed_what_nobody_signed_in_for(server: Server) -> None:
    work = Work(local_user())
    with server.socket() as client:
        work.report(1)
        assert numbers([client.read()]) == [1]


def test_another_path_is_refused_before_it_is_open(server: Server, ann: User) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus, match="403"), server.socket(as_user(ann), path="/other"):
        pass
