"""Who hears of what: one query over the endpoints, two more only where endpoints of a scope exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, Subquery

from tasktypes.handlers import AnyTask, Scope, handlers
from tasktypes.models import WebhookEndpoint
from tasktypes.webhooks.models import WebhookEvent


@dataclass(frozen=True, slots=True)
class Listener:
    """An active endpoint, as far as choosing needs it."""

    endpoint_id: int
    owner_id: int
    is_staff: bool
    type_name: str
    task_number: int | None
    scope: str
    events: list[str]

    def wants(self, task: AnyTask, event: WebhookEvent, scope: Scope | None) -> bool:
        """Return whether this endpoint hears of that event of a task."""
        if event.value not in self.events or self.type_name not in {"", task.type_name}:
            return False
        if self.task_number not in {None, task.id} or not self._covers(scope):
            return False
        if self.owner_id == task.created_by_id or (
            scope is not None and self.scope and self.owner_id == scope.owner_id
        ):
            return True
        # Staff see everybody's tasks and may follow a task or a scope; without one they hear of their own only.
        return self.is_staff and (self.task_number is not None or bool(self.scope))

    def wants_other(self, event: WebhookEvent, owner_id: int, scope: Scope | None) -> bool:
        """Return whether this endpoint hears of an event that is not about one task."""
        if event.value not in self.events or self.type_name or self.task_number is not None or not self._covers(scope):
            return False
        return self.owner_id == owner_id or (self.is_staff and bool(self.scope))

    def _covers(self, scope: Scope | None) -> bool:
        return not self.scope or (scope is not None and scope.text == self.scope)


def listeners(*, owner_ids: Collection[int], task_ids: Collection[int], scopes: Collection[str]) -> list[Listener]:
    """Return the active endpoints that may hear of these owners' things, of these tasks, or of these scopes."""
    return _read(
        Q(scope="", task_number__isnull=True, owner_id__in=owner_ids)
        | Q(scope="", task_number__in=task_ids)
        | Q(scope__gt="", scope__in=scopes)
    )


def task_listeners(tasks: Sequence[AnyTask]) -> tuple[list[Listener], Mapping[int, Scope]]:
    """Return the endpoints that may hear of these tasks, and what the tasks belong to.

    The second is empty, and its handlers are not asked, while no active endpoint has a scope.
    """
    any_scoped = WebhookEndpoint.objects.filter(is_active=True, scope__gt="").order_by().values("pk")[:1]
    found = _read(
        Q(
            scope="",
            task_number__isnull=True,
            owner_id__in={task.created_by_id for task in tasks if task.created_by_id is not None},
        )
        | Q(scope="", task_number__in=[task.id for task in tasks])
        | Q(pk=Subquery(any_scoped))
    )
    plain = [listener for listener in found if not listener.scope]
    if len(plain) == len(found):
        return plain, {}
    scopes = scopes_of(tasks)
    if not scopes:
        return plain, {}
    return plain + _read(Q(scope__gt="", scope__in={scope.text for scope in scopes.values()})), scopes


def scopes_of(tasks: Sequence[AnyTask]) -> dict[int, Scope]:
    """Ask the tasks' handlers what they belong to."""
    found: dict[int, Scope] = {}
    for type_name in sorted({task.type_name for task in tasks}):
        handler = handlers.get(type_name)
        if handler is not None:
            found.update(handler.scopes([task for task in tasks if task.type_name == type_name]))
    return found


class ProgressAudience:
    """Who hears of one attempt's progress; asked at every checkpoint, so it remembers what the task belongs to.

    A scope is looked up once, and only where some endpoint has one; the endpoints are read anew each time, by one
    query, so that a new one hears from the next checkpoint on.
    """

    def __init__(self, task: AnyTask) -> None:
        self.task = task
        self._scope: Scope | None = None
        self._knows_scope = False

    def listeners(self) -> list[Listener]:
        """Return the endpoints that want to hear of this task's progress."""
        if self._knows_scope:
            found = listeners(
                owner_ids=[] if self.task.created_by_id is None else [self.task.created_by_id],
                task_ids=[self.task.id],
                scopes=[] if self._scope is None else [self._scope.text],
            )
        else:
            found, scopes = task_listeners([self.task])
            self._scope = scopes.get(self.task.id)
            self._knows_scope = self._scope is not None
        return [one for one in found if one.wants(self.task, WebhookEvent.PROGRESS, self._scope)]


def _read(wanted: Q) -> list[Listener]:
    rows = (
        WebhookEndpoint.objects.filter(wanted, is_active=True)
        .order_by("id")
        .values_list("id", "owner_id", "owner__is_staff", "type_name", "task_number", "scope", "events")
    )
    return [Listener(*row) for row in rows]
