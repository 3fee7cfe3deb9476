"""The ledger: leases, what should have started, counters, webhooks, periodic work."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from pixtasks.common.checkup import Check, Finding, error, ok, register, warning
from pixtasks.common.screen import counted
from pixtasks.common.sql import database_now
from tasktypes.handlers import handlers
from tasktypes.models import Task, WebhookDelivery
from tasktypes.services.audit import counter_mismatches
from tasktypes.services.inspect import free_slots
from tasktypes.services.pick import pick
from tasktypes.services.recount import GroupMismatch, recount_group, recount_tally, tally_mismatches
from tasktypes.services.schedules import SUBMIT_SCHEDULED, scheduled_handlers
from tasktypes.services.sweep import sweep_lost
from tasktypes.states import TERMINAL, State
from tasktypes.webhooks.models import DeliveryState

OVERDUE = timedelta(seconds=60)
"""A ring that nobody answers comes again after 60 s at the latest."""
RECENT_DAYS = 7
_UNANSWERED = 5
_MISSED = timedelta(hours=3)
_LOOKED_AT = 200
_NAMED = 5


@register
class LeasesCheck(Check):
    """Tasks of lost workers."""

    name = "leases"
    title = "Leases"
    place = 30
    needs_processes = True  # At rest nobody takes them back, and nobody has to.

    def examine(self, *, deep: bool) -> Finding:
        """Look for running tasks whose worker was silent for three leases."""
        lost = Task.objects.filter(
            status=State.RUNNING, lease_expires_at__lt=Now() - timedelta(seconds=2 * settings.PIXTASKS_LEASE_SECONDS)
        )
        ids = list(lost.order_by("id").values_list("id", flat=True)[:_LOOKED_AT])
        if ids:
            return error(
                f"{counted(len(ids), 'task')} of lost workers {'was' if len(ids) == 1 else 'were'} not taken back "
                f"(task {_some(ids)}): the dispatcher should have done that; see that it runs. "
                '"manage.py doctor --fix" takes them back now.',
                tasks=ids,
            )
        return ok("No task waits for a worker that is lost.", tasks=[])

    def mend(self, *, deep: bool) -> list[str]:
        """Let the sweeper do its work."""
        taken = 0
        while swept := sweep_lost():
            taken += swept
        return (
            [f"{counted(taken, 'task')} of lost workers {'was' if taken == 1 else 'were'} taken back."] if taken else []
        )


@register
class OverdueCheck(Check):
    """Tasks that should have started."""

    name = "overdue"
    title = "Waiting tasks"
    place = 31
    needs_processes = True

    def examine(self, *, deep: bool) -> Finding:
        """Look for tasks that may run and are not handed out, that nobody answers for, or that nobody can run."""
        free = free_slots()
        overdue: list[int] = []
        if free.total > 0:
            with transaction.atomic():
                ids = [
                    candidate.id
                    for candidate in pick(_LOOKED_AT, wanted=lambda name: name in handlers)
                    if free.queues.get(handlers[candidate.type_name].queue, 0) > 0
                ]
            late = database_now() - OVERDUE
            overdue = sorted(Task.objects.filter(pk__in=ids, due_at__lt=late).values_list("id", flat=True))
        if overdue:
            return error(
                f"{counted(len(overdue), 'task')} should have started more than {OVERDUE.seconds} s ago, and workers "
                f"are free (task {_some(overdue)}): see that the dispatcher runs, and what its log says.",
                tasks=overdue,
            )
        waiting = Task.objects.filter(status=State.PENDING, task_type__isnull=True)
        silent = waiting.filter(unanswered__gte=_UNANSWERED).count()
        if silent and free.total > 0:
            return warning(
                f"{counted(silent, 'task')} got no answer to {_UNANSWERED} messages, though workers are free: "
                "see that workers and dispatcher use the same broker.",
                unanswered=silent,
            )
        unknown = sorted(
            set(
                waiting.exclude(type_name__in=handlers.names())
                .order_by()
                .values_list("type_name", flat=True)
                .distinct()
            )
        )
        if unknown:
            return warning(
                f"Tasks wait whose handler this version does not have ({_some(unknown)}): install the package that "
                "brings it, or cancel them.",
                types=unknown,
            )
        return ok("Nothing waits that could run.")


@register
class GroupsCheck(Check):
    """The counters of groups."""

    name = "groups"
    title = "Counters of groups"
    place = 40

    def examine(self, *, deep: bool) -> Finding:
        """Compare the counters with the tasks."""
        found = list(self._mismatches(deep))
        if found:
            return error(
                f"The counters of {counted(len(found), 'group')} differ from their tasks "
                f"(group {_some([one.group_id for one in found])}). Please report it with the log of that time; "
                '"manage.py doctor --fix" counts again.',
                groups=[{"group": one.group_id, "counters": one.counters, "tasks": one.tasks} for one in found],
            )
        return ok(_counters_fit("groups", deep))

    def mend(self, *, deep: bool) -> list[str]:
        """Count again, one group after the other."""
        mended = [recount_group(one.group_id, fix=True) for one in self._mismatches(deep)]
        return [f"Group {one.group_id}: {one.counters} became {one.tasks}." for one in mended if one is not None]

    def _mismatches(self, deep: bool) -> list[GroupMismatch]:
        suspects = counter_mismatches(days=36_500 if deep else RECENT_DAYS)
        # A group that settles at this moment looks wrong for an instant: under its lock it does not.
        looked = [recount_group(suspect["group"], fix=False) for suspect in suspects]
        return [one for one in looked if one is not None]


@register
class TallyCheck(Check):
    """The totals of lists and statistics."""

    name = "tally"
    title = "Totals of tasks"
    place = 41

    def examine(self, *, deep: bool) -> Finding:
        """Compare the totals with the tasks."""
        found = tally_mismatches()
        if found:
            shown = [f"{one.type_name} {one.status} {one.surplus:+d}" for one in found]
            return error(
                f"{counted(len(found), 'total')} of tasks differ{'s' if len(found) == 1 else ''} from the tasks "
                f'({_some(shown)}). Please report it with the log of that time; "manage.py doctor --fix" counts again.',
                totals=shown[:_LOOKED_AT],
            )
        return ok("The totals are those of the tasks.")

    def mend(self, *, deep: bool) -> list[str]:
        """Insert what is missing."""
        return [
            f"The total of {one.type_name} {one.status} was too {'high' if one.surplus > 0 else 'low'} "
            f"by {abs(one.surplus)}."
            for one in recount_tally()
        ]


@register
class WebhooksCheck(Check):
    """Deliveries that were given up."""

    name = "webhooks"
    title = "Webhooks"
    place = 50

    def examine(self, *, deep: bool) -> Finding:
        """Count the deliveries given up within a day."""
        dead = WebhookDelivery.objects.filter(state=DeliveryState.DEAD, ended_at__gt=Now() - timedelta(days=1))
        number, endpoints = dead.count(), sorted(set(dead.values_list("endpoint_id", flat=True)))
        if number:
            return warning(
                f"{counted(number, 'webhook delivery', 'webhook deliveries')} of endpoint {_some(endpoints)} "
                f"{'was' if number == 1 else 'were'} given up within a day: mend the receiver, then send again "
                "(POST /api/webhooks/deliveries/<id>/redeliver).",
                dead=number, endpoints=endpoints,
            )  # fmt: skip
        return ok("No delivery was given up within a day.", dead=0)


@register
class PeriodicCheck(Check):
    """The periodic tasks."""

    name = "periodic"
    title = "Periodic tasks"
    place = 51

    def examine(self, *, deep: bool) -> Finding:
        """Look how the last run of each ended, and whether there was one lately."""
        from django_celery_beat.models import PeriodicTask

        enabled = set(PeriodicTask.objects.filter(task=SUBMIT_SCHEDULED, enabled=True).values_list("name", flat=True))
        wanted = {name: handler for name, handler in scheduled_handlers().items() if name in enabled}
        failed, missed = [], []
        for name, handler_name in wanted.items():
            runs = Task.objects.filter(type_name=handler_name).order_by("-id")
            last = runs.filter(status__in=TERMINAL).values("status", "error_message").first()
            if last is not None and last["status"] == State.FAILED:
                failed.append(f"{name} ({last['error_message'] or 'no reason given'})")
            elif (
                runs.exists()
                and not runs.filter(Q(completed_at__gt=Now() - _MISSED) | Q(created_at__gt=Now() - _MISSED)).exists()
            ):
                missed.append(name)
        if failed:
            return warning(
                f"The last run of {_some(failed)} failed: see its history in the console, and the worker's log.",
                failed=failed,
            )
        if missed:
            hours = _MISSED.seconds // 3600
            return warning(
                f"{_some(missed)} did not run for {hours} hours: see that the scheduler and a worker run.",
                missed=missed,
            )
        return ok(f"The last runs of {counted(len(wanted), 'schedule')} did not fail.")


def _some(names: list[int] | list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(str(name) for name in names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _counters_fit(what: str, deep: bool) -> str:
    return f"The counters of {'all ' + what if deep else f'the {what} of the last {RECENT_DAYS} days'} fit."
