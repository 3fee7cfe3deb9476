"""Tasks that count, sleep, hang and crash."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from django.conf import settings
from pydantic import BaseModel, Field

from tasktypes.handlers import Context, EndedTask, Handler, register, register_group_hook
from tests.faults.work.models import Effect, GroupFinish, TaskFinish

GROUP_KIND = "faults"


@cache
def _log(name: str) -> int:
    return os.open(settings.DATA_DIR / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(name: str, *words: object) -> None:
    """Append one line to a file that survives the process, so that work which nothing stored is seen, too."""
    os.write(_log(name), (" ".join(map(str, words)) + "\n").encode())


def note_delivery(task_id: str, **_: Any) -> None:
    """Write down that a message reached a pool process (receiver of ``task_prerun``)."""
    note("deliveries.log", task_id)


class Finishing:
    """Writes down, without any guard against doubles, that tasks have ended."""

    def on_settled(self, tasks: Sequence[EndedTask]) -> None:
        TaskFinish.objects.bulk_create([TaskFinish(task_id=task.id, status=task.status) for task in tasks])


@register_group_hook
class GroupHook:
    """Writes down that a group's last task has ended."""

    name = GROUP_KIND

    def on_settled(self, group_id: int) -> None:
        GroupFinish.objects.create(group_id=group_id)


class CountParams(BaseModel):
    """How many items, how long each takes, how many are stored at a time."""

    items: int = Field(ge=1, le=100_000)
    pause: float = Field(default=0.02, ge=0, le=60)
    at_a_time: int = Field(default=5, ge=1)
    token: str = ""


class Counting(Finishing):
    """Does items one after the other and stores them a few at a time, with the place from which to go on."""

    def run(self, params: CountParams, context: Context) -> dict[str, Any]:
        task = context.task
        done = int((task.state or {}).get("done", 0))
        note("runs.log", task.id, task.attempt, os.getpid(), f"{time.time():.3f}")
        while done < params.items:
            items = range(done, min(done + params.at_a_time, params.items))
            for item in items:
                context.check_cancelled()
                time.sleep(params.pause)
                note("work.log", task.id, task.attempt, item)
            done = items.stop

            def write(items: range = items, done: int = done) -> tuple[dict[str, Any], dict[str, Any]]:
                Effect.objects.bulk_create(
                    [Effect(task_id=task.id, item=item, attempt=task.attempt) for item in items], ignore_conflicts=True
                )
                return {"current": done, "total": params.items}, {"done": done}

            context.store(write)
        return {"counted": done}


@register
class Count(Counting, Handler[CountParams]):
    """Counts."""

    name = "faults.count"
    description = "Count items (fault tests)."
    Params = CountParams


@register
class LimitedCount(Counting, Handler[CountParams]):
    """Counts, under a limit of starts."""

    name = "faults.limited"
    description = "Count items under a limit (fault tests)."
    Params = CountParams

    def rate_key(self, params: CountParams) -> str:
        return "faults:limited"


class NoParams(BaseModel):
    """Nothing."""


@register
class Scheduled(Finishing, Handler[NoParams]):
    """What a schedule runs."""

    name = "faults.scheduled"
    description = "Be run by the clock (fault tests)."
    Params = NoParams

    def run(self, params: NoParams, context: Context) -> dict[str, Any]:
        return {}


class TroubleParams(BaseModel):
    """What goes wrong."""

    kind: Literal["segfault", "exit", "killed", "memory", "sleep", "loop"]
    token: str = ""


@register
class Poison(Finishing, Handler[TroubleParams]):
    """Takes its process along."""

    name = "faults.poison"
    description = "Crash (fault tests)."
    Params = TroubleParams
    max_retries = 0

    def run(self, params: TroubleParams, context: Context) -> dict[str, Any]:
        note("runs.log", context.task.id, context.task.attempt, os.getpid(), f"{time.time():.3f}")
        if params.kind == "segfault":
            ctypes.string_at(0)
        elif params.kind == "exit":
            os._exit(1)
        elif params.kind == "killed":  # What the kernel does when memory runs out.
            os.kill(os.getpid(), signal.SIGKILL)
        raise MemoryError(str(len(bytearray(1 << 40))))


@register
class Hang(Finishing, Handler[TroubleParams]):
    """Never comes back: in a system call, or inside C code that holds the interpreter."""

    name = "faults.hang"
    description = "Hang (fault tests)."
    Params = TroubleParams
    time_limit = 2
    max_retries = 0

    def run(self, params: TroubleParams, context: Context) -> dict[str, Any]:
        note("runs.log", context.task.id, context.task.attempt, os.getpid(), f"{time.time():.3f}")
        if params.kind == "loop":
            sum(range(10**13))
        time.sleep(3600)
        return {}
