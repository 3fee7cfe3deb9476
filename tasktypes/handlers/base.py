"""What a handler is, and what it is given to work with."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel

from tasktypes.states import State

if TYPE_CHECKING:
    # Handlers are imported before Django's models can be.
    from pixtasks.accounts.models import User
    from tasktypes.models import Task


class TaskCancelled(Exception):
    """Somebody asked this task to stop; what it stored stays."""


class LeaseLost(Exception):
    """Another attempt owns the row now; nothing that this one writes would be accepted."""


class WorkerStopping(Exception):
    """The worker has been told to stop; the task goes back as it is and costs nothing."""


class Postponed(Exception):
    """The attempt cannot go on before some time; the task goes back as it is, costs nothing and holds no slot.

    Args:
        seconds: when it may be tried again, from now.
        reason: what it waits for, shown in its history.
    """

    def __init__(self, seconds: float, reason: str = "") -> None:
        self.seconds = seconds
        self.reason = reason
        super().__init__(reason or f"try again in {seconds:g} s")


class PermanentFailure(Exception):
    """Trying again cannot help; the message is shown to the user."""


class TimeLimitPassed(PermanentFailure):
    """The task ran longer than its handler allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A task that this process holds under a lease: the row as it was when it was claimed."""

    id: int
    public_id: str
    type_name: str
    group_id: int | None
    created_by_id: int | None
    attempt: int
    retries: int
    max_retries: int
    parameters: dict[str, Any]
    metadata: dict[str, Any]
    progress: dict[str, Any] | None
    state: dict[str, Any] | None
    rate_key: str
    event_seq: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTask:
    """A task that has just been settled or reopened, as hooks see it."""

    id: int
    public_id: str
    type_name: str
    group_id: int | None
    created_by_id: int | None
    status: State
    parameters: dict[str, Any]
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    error_message: str | None = field(default=None)


class AnyTask(Protocol):
    """What claimed tasks, ended tasks and rows have in common."""

    @property
    def id(self) -> int:
        """The number."""

    @property
    def public_id(self) -> str:
        """What users see."""

    @property
    def type_name(self) -> str:
        """The handler's name, or the declared type's."""

    @property
    def created_by_id(self) -> int | None:
        """Whose it is."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What it was submitted with."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a task belongs to above the ledger, such as a project.

    Args:
        text: kind and number, such as ``project:12``.
        owner_id: whose that is.
    """

    text: str
    owner_id: int


class Context(Protocol):
    """What a running handler is given: its way to report, to store, and to hear that it shall stop.

    Attributes:
        task: the claimed row: parameters, attempt, and the ``progress`` and ``state`` of the last checkpoint.
    """

    task: Claimed

    @property
    def checkpoint_due(self) -> bool:
        """Whether the last checkpoint is at least a second ago."""
        ...

    def check_cancelled(self) -> None:
        """Stop here if there is a reason to; costs no query.

        Raises:
            TaskCancelled: somebody asked for it.
            LeaseLost: another attempt owns the row.
            TimeLimitPassed: the attempt has run for too long.
            WorkerStopping: the worker shall stop, and this task has had its grace.
        """
        ...

    def checkpoint(self, *, progress: dict[str, Any] | None = None, state: dict[str, Any] | None = None) -> None:
        """Report progress and renew the lease.

        Args:
            progress: how far the task is, for people (shown by every dialect and pushed as an event).
            state: from where another attempt would go on; never shown.

        Raises:
            LeaseLost: another attempt owns the row; nothing was stored.
            TaskCancelled: stored, and then: somebody asked the task to stop.
        """
        ...

    def store(self, write: Callable[[], tuple[dict[str, Any], dict[str, Any]]]) -> None:
        """Store results in one transaction that counts only while the lease holds.

        Args:
            write: inserts the results, after the fence and inside the transaction; returns ``(progress, state)`` as
                they are once these results are in.

        Raises:
            LeaseLost: another attempt owns the row; nothing was stored.
            TaskCancelled: stored, and then: somebody asked the task to stop.
        """
        ...

    def progress(self, progress: dict[str, Any]) -> None:
        """Report progress, at most once a second; in between only look for a reason to stop."""
        ...


ParamsType = TypeVar("ParamsType", bound=BaseModel)


class Handler(Generic[ParamsType]):
    """Runs the tasks of one name.

    Subclass it, give ``name`` and ``Params``, write :meth:`run`, and decorate the class with ``register``. Everything
    else has a sensible default. A handler must stand to be run twice for one task: an attempt may be cut off anywhere
    and starts again from what its checkpoints stored.
    """

    name: ClassVar[str]
    """Permanent: letters, digits, ``_`` and ``.``; also the Celery task's name."""
    description: ClassVar[str] = ""
    Params: type[ParamsType]
    queue: ClassVar[str] = "default"
    time_limit: ClassVar[float] = 3600
    """Seconds that one attempt may take; then it is killed and the task fails."""
    max_retries: ClassVar[int] = 3
    backoff: ClassVar[float] = 5
    """Seconds before the first retry; each further one waits twice as long."""
    backoff_limit: ClassVar[float] = 600
    batch: ClassVar[int] = 1
    """How many rows a worker claims and settles at a time; above 1 for tasks of milliseconds."""
    retried_alone: ClassVar[bool] = False
    """Whether one task of a job or run may be reopened without the others."""

    def run(self, params: ParamsType, context: Context) -> dict[str, Any]:
        """Do the work of one task and return its result.

        Raises:
            PermanentFailure: trying again cannot help.
            Postponed: it waits for something, a rate limit say, and is to be run again later.
            Exception: anything else is retried with back-off while the task's budget lasts.
        """
        raise TypeError(f"the handler {self.name} has no run()")

    def rate_key(self, params: ParamsType) -> str:
        """Return the bucket whose limit a start counts against; empty for none."""
        return ""

    def source(self, parameters: Mapping[str, Any]) -> str:
        """Return the outside source that such a task asks, named as its rate key; its attempts tell of its health.

        Args:
            parameters: as the row has them.
        """
        return ""

    def check_caller(self, params: ParamsType, user: User) -> None:
        """Look whether a user may launch this with these params; services of the product itself need not ask.

        Raises:
            RuleViolation: the params name what does not exist (CONTRACT X10).
            AccessDenied: they name what is somebody else's, or it is for staff.
        """

    def retried_by(self, params: ParamsType) -> str:
        """Return the request that retries the job or run which such a task belongs to; empty where there is none."""
        return ""

    def scopes(self, tasks: Sequence[AnyTask]) -> Mapping[int, Scope]:
        """Return what these tasks belong to, by their ids: webhooks that hear of one scope only ask.

        It is called inside the transaction that ends a task or stores its progress: use one query.
        """
        return {}

    def on_submitted(self, tasks: Sequence[Task]) -> None:
        """Hear, inside the submitting transaction, that tasks of this handler were inserted, whoever submitted them.

        Raises:
            PixtasksError: they cannot be; the whole submission is taken back.
        """

    def on_settled(self, tasks: Sequence[EndedTask]) -> None:
        """Hear, inside the settling transaction, that tasks of this handler have ended; touch only your app's rows."""

    def on_reopened(self, tasks: Sequence[EndedTask]) -> None:
        """Hear, inside the reopening transaction, that ended tasks will run again; take back what on_settled did."""

    def retry_delay(self, retries: int) -> float:
        """Return the seconds to wait before retry number ``retries`` (from 1): doubling, with up to 20 % of jitter."""
        delay = min(float(self.backoff * 2.0 ** (retries - 1)), self.backoff_limit)
        return delay * random.uniform(0.8, 1.0)


class GroupHook(Protocol):
    """Hears when the last task of a group has ended."""

    name: str
    """The ``kind`` of the groups."""

    def on_settled(self, group_id: int) -> None:
        """Run inside the transaction that settled the group; exactly once per settling."""
