"""Hosts take turns and none gets more than its share."""

from __future__ import annotations

import random

from jobs.fetch.hosts import HostQueue


def test_hosts_take_turns() -> None:
    queue: HostQueue[int] = HostQueue(per_host=10)
    for number in range(6):
        queue.put("many", number)
    queue.put("one", 100)
    taken = [queue.take(0.0) for _ in range(7)]
    assert taken[:3] == [("many", 0), ("one", 100), ("many", 1)]
    assert queue.take(0.0) is None
    assert queue.length == 0


def test_everything_is_handed_out_once_and_the_limit_always_holds() -> None:
    seeded = random.Random(3)
    queue: HostQueue[int] = HostQueue(per_host=2)
    put, taken, active = 0, [], []
    for _ in range(5_000):
        step = seeded.random()
        if step < 0.4 and put < 1_000:
            queue.put(f"host{seeded.randrange(5)}", put)
            put += 1
        elif step < 0.7:
            item = queue.take(0.0)
            if item is not None:
                taken.append(item[1])
                active.append(item[0])
                assert active.count(item[0]) <= 2
        elif active:
            queue.release(active.pop(seeded.randrange(len(active))))
        assert queue.length == put - len(taken)
    while queue.length or active:
        item = queue.take(0.0)
        if item is not None:
            taken.append(item[1])
            active.append(item[0])
        else:
            assert active, "something waits and nothing is active, and yet nothing may start"
            queue.release(active.pop())
    assert sorted(taken) == list(range(put))


def test_a_queue_that_was_cleared_starts_anew() -> None:
    queue: HostQueue[int] = HostQueue(per_host=1)
    queue.put("host", 1)
    queue.put("host", 2)
    queue.clear()
    assert (queue.length, queue.take(0.0)) == (0, None)
    queue.put("host", 3)
    assert queue.take(0.0) == ("host", 3)


def test_a_paced_host_waits_between_its_starts_and_another_does_not() -> None:
    queue: HostQueue[int] = HostQueue(per_host=4)
    queue.pace("slow", 2.0)
    for number in range(3):
        queue.put("slow", number)
    queue.put("fast", 10)
    assert [queue.take(5.0) for _ in range(3)] == [("slow", 0), ("fast", 10), None]
    assert (queue.due, queue.length) == (7.0, 2)
    assert queue.take(6.9) is None
    assert queue.take(7.0) == ("slow", 1)
    queue.hold("slow", 20.0)
    assert queue.take(19.0) is None
    assert queue.due == 20.0
    assert queue.take(20.5) == ("slow", 2)


def test_what_stands_first_is_taken_first_and_what_is_taken_out_is_not_handed_out() -> None:
    queue: HostQueue[int] = HostQueue(per_host=1)
    for number in range(4):
        queue.put("host", number)
    queue.put("host", 99, first=True)
    assert queue.take(0.0) == ("host", 99)
    assert queue.take_out("host", lambda number: number % 2 == 0) == [0, 2]
    assert queue.length == 2
    queue.release("host")
    assert queue.take(0.0) == ("host", 1)
    assert queue.take_out("host", lambda number: True) == [3]
    queue.release("host")
    assert (queue.take(0.0), queue.length) == (None, 0)
    queue.put("host", 4)
    assert queue.take(0.0) == ("host", 4)
    assert queue.take_out("nobody", lambda number: True) == []
