"""Hosts take turns and none gets more than its share."""

from __future__ import annotations

import random

from jobs.fetch.hosts import HostQueue


def test_hosts_take_turns() -> None:
    queue: HostQueue[int] = HostQueue(per_host=10)
    for number in range(6):
        queue.put("many", number)
    queue.put("one", 100)
    taken = [queue.take() for _ in range(7)]
    assert taken[:3] == [("many", 0), ("one", 100), ("many", 1)]
    assert queue.take() is None
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
            item = queue.take()
            if item is not None:
                taken.append(item[1])
                active.append(item[0])
                assert active.count(item[0]) <= 2
        elif active:
            queue.release(active.pop(seeded.randrange(len(active))))
        assert queue.length == put - len(taken)
    while queue.length or active:
        item = queue.take()
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
    assert (queue.length, queue.take()) == (0, None)
    queue.put("host", 3)
    assert queue.take() == ("host", 3)
