"""What has to run: a broker, workers, a dispatcher, a scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from pixtasks.common.broker import check_broker
from pixtasks.common.checkup import Check, Finding, error, ok, register, warning
from pixtasks.common.errors import Unavailable
from pixtasks.common.screen import counted
from tasktypes.handlers import handlers
from tasktypes.models.process import Role
from tasktypes.services.inspect import live_workers
from tasktypes.services.processes import live_processes

MANY_MESSAGES = 500
"""The dispatcher keeps about as many messages waiting as there are free slots."""
_START = '"manage.py up" starts it with everything else'


@register
class BrokerCheck(Check):
    """The broker."""

    name = "broker"
    title = "Broker"
    place = 20
    needs_database = False

    def examine(self, *, deep: bool) -> Finding:
        """Ask whether it answers, and how many messages wait."""
        try:
            check_broker(seconds=2.0)
            waiting = sum(waiting_messages().values())
            evicting = _evicting()
        except (Unavailable, redis.RedisError, OSError) as fault:
            cause = fault.message if isinstance(fault, Unavailable) else str(fault)
            how = "Start Redis, or correct REDIS_URL" if settings.REDIS_URL else "Make it writable"
            return error(f"{cause}. {how}. Tasks are accepted meanwhile and run later.")
        if evicting:
            return warning(
                f"Redis drops keys when its memory is full ({evicting}), and so loses messages until they ring again: "
                "set its maxmemory-policy to noeviction.",
                waiting=waiting,
            )
        if waiting > MANY_MESSAGES:
            return warning(
                f"{counted(waiting, 'message')} wait in the broker, which the workers should have taken: look whether "
                "workers run and which queues they listen to. Emptying the broker loses nothing.",
                waiting=waiting,
            )
        return ok(
            f"The broker answers; {counted(waiting, 'message')} wait{'s' if waiting == 1 else ''}.", waiting=waiting
        )


def waiting_messages() -> dict[str, int]:
    """Return how many messages wait in the broker, by queue.

    Raises:
        RedisError, OSError: the broker does not answer.
    """
    queues = sorted({handler.queue for handler in handlers} | {settings.CELERY["task_default_queue"]})
    options = settings.CELERY["broker_transport_options"]
    if not settings.REDIS_URL:
        names = [path.name for path in Path(options["data_folder_in"]).iterdir()]
        return {queue: sum(name.endswith(f".{queue}.msg") for name in names) for queue in queues}
    with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
        return {queue: int(client.llen(f"{options['global_keyprefix']}{queue}")) for queue in queues}


def _evicting() -> str:
    """Return the policy by which Redis drops keys, or an empty string where it drops none."""
    if not settings.REDIS_URL:
        return ""
    with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
        memory: dict[str, Any] = client.info("memory")
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    return policy if memory.get("maxmemory") and policy != "noeviction" else ""


@register
class WorkersCheck(Check):
    """The workers."""

    name = "workers"
    title = "Workers"
    place = 21
    needs_processes = True

    def examine(self, *, deep: bool) -> Finding:
        """Look who was heard lately, and whether every queue is listened to."""
        workers = live_workers()
        if not workers:
            return error(f"No worker was heard of lately, so nothing runs. {_START}.", workers=[])
        names = [worker.name for worker in workers]
        slots = sum(worker.slots for worker in workers)
        heard = {queue for worker in workers for queue in worker.queues}
        unheard = sorted({handler.queue for handler in handlers} - heard)
        if unheard:
            return error(
                f"No worker listens to the queue {', '.join(unheard)}: start one with -Q {','.join(unheard)}.",
                workers=names, slots=slots,
            )  # fmt: skip
        return ok(
            f"{counted(len(workers), 'worker')} with {counted(slots, 'slot')}: {', '.join(names)}.",
            workers=names, slots=slots,
        )  # fmt: skip


class _ProcessCheck(Check):
    """Somebody has to do it; several may."""

    needs_processes = True
    role: Role
    without: str
    command: str

    def examine(self, *, deep: bool) -> Finding:
        """Look who was heard lately."""
        names = [process.name for process in live_processes(self.role)]
        if not names:
            return error(
                f"No {self.role.value} was heard of lately: {self.without}. {_START}, and {self.command} alone.",
                processes=[],
            )
        return ok(f"Heard of lately: {', '.join(names)}.", processes=names)


@register
class DispatcherCheck(_ProcessCheck):
    """The dispatcher."""

    name = "dispatcher"
    title = "Dispatcher"
    place = 22
    role = Role.DISPATCHER
    without = "nothing takes tasks from lost workers, and what is due later does not start"
    command = '"manage.py dispatcher"'


@register
class SchedulerCheck(_ProcessCheck):
    """The scheduler."""

    name = "scheduler"
    title = "Scheduler"
    place = 23
    role = Role.SCHEDULER
    without = "periodic tasks do not start"
    command = '"celery -A pixtasks beat"'
