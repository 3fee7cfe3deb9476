"""What is sent: one line of a task's history as JSON, written once however many clients get it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gather.realtime.wire import encoded
from gather.services.status import update_of
from pixtasks.common.json import dump_json
from pixtasks.common.times import wire_time
from tasktypes.models import Task
from tasktypes.states import EventType, State

GATHER: Final = "automated_gather"
CHANNEL: Final = "task:"
_WORDS: Final = {EventType.COMPLETED: "complete", EventType.FAILED: "error"}
_ENDS: Final = frozenset({EventType.COMPLETED, EventType.FAILED, EventType.CANCELLED})
_STATUS: Final = {
    EventType.STARTED: State.RUNNING,
    EventType.PROGRESS: State.RUNNING,
    EventType.CANCEL_REQUESTED: State.RUNNING,
    EventType.COMPLETED: State.COMPLETED,
    EventType.FAILED: State.FAILED,
    EventType.CANCELLED: State.CANCELLED,
}
_RECEIVED_STATUS: Final = {
    "progress": State.RUNNING,
    "complete": State.COMPLETED,
    "error": State.FAILED,
    "cancelled": State.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a history, ready to be sent.

    Attributes:
        owner: id of the task's owner; None where nobody owns it.
        task: the task's public id.
        seq: its number within the task; None for what somebody else told of a task of the ledger.
        source: 0 for the ledger, 1 for what came through the progress webhook.
        row: its id in the source's table.
        cursor: from where a client goes on that has had everything up to this frame.
        text: the JSON.
        wire: the same as a whole message of a WebSocket.
    """

    owner: int | None
    task: str
    seq: int | None
    source: int
    row: int
    cursor: str
    text: str
    wire: bytes

    @property
    def for_staff(self) -> bool:
        """Whether it is about a task that the ledger does not know."""
        return self.source == 1 and self.seq is not None


EVENT_COLUMNS: Final = (
    "id", "seq", "type", "data", "created_at", "task_id", "task__public_id", "task__type_name", "task__created_by_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a history before it is written as JSON."""

    row: int
    source: int
    seq: int | None
    owner: int | None
    task: str
    body: Mapping[str, Any]

    def frame(self, cursor: str) -> Frame:
        """Return it ready to be sent."""
        document = {
            "channel": f"{CHANNEL}{self.task}",
            "seq": self.seq,
            "id": self.row if self.source == 0 else f"r{self.row}",
            "cursor": cursor,
            "data": self.body,
        }
        text = dump_json(document)
        return Frame(self.owner, self.task, self.seq, self.source, self.row, cursor, text.decode(), encoded(text))


def ledger_lines(rows: Iterable[tuple[Any, ...]]) -> list[Line]:
    """Return the lines of TaskEvent rows (``EVENT_COLUMNS``); asks for the figures of gathers that ended."""
    rows = list(rows)
    ended = {row[5] for row in rows if row[7] == GATHER and row[2] in _ENDS}
    figures = dict(Task.objects.filter(pk__in=ended).values_list("pk", "progress")) if ended else {}
    return [_ledger_line(row, figures) for row in rows]


def _ledger_line(row: tuple[Any, ...], figures: Mapping[int, Mapping[str, Any] | None]) -> Line:
    pk, seq, kind, data, created_at, task_id, task, type_name, owner = row
    event: str = _WORDS.get(kind, kind)
    if type_name == GATHER:
        update = update_of(kind, data, created_at, progress=figures.get(task_id))
        if update is not None:
            event, data = update["type"], update["data"]
    status = _STATUS.get(kind, State.PENDING)
    return Line(pk, 0, seq, owner, task, _body(task, type_name, event, status, created_at, data))


RECEIVED_COLUMNS: Final = ("id", "task_public_id", "event", "data", "sent_at", "received_at")


def received_lines(rows: Iterable[tuple[Any, ...]]) -> list[Line]:
    """Return the lines of ReceivedEvent rows (``RECEIVED_COLUMNS``), as far as nobody else tells of them.

    About a task that the ledger does not know, and about one that a handler runs and that had not ended: the effect
    on a task of an outside worker is a line of the ledger's own.
    """
    rows = list(rows)
    columns = ("type_name", "status", "created_by_id", "task_type_id", "completed_at")
    named = Task.objects.filter(public_id__in={row[1] for row in rows})
    known = {name: rest for name, *rest in named.values_list("public_id", *columns)} if rows else {}
    lines = []
    for pk, task, event, data, sent_at, received_at in rows:
        if task not in known:
            status = _RECEIVED_STATUS.get(event, State.RUNNING)
            lines.append(Line(pk, 1, pk, None, task, _body(task, GATHER, event, status, sent_at, data)))
            continue
        type_name, status, owner, task_type, completed_at = known[task]
        if task_type is None and (completed_at is None or completed_at > received_at):
            body = _body(task, type_name, event, State(status), sent_at, data)
            lines.append(Line(pk, 1, None, owner, task, body))
    return lines


def _body(task: str, type_name: str, event: str, status: State, at: datetime, data: Any) -> dict[str, Any]:
    return {
        "taskId": task,
        "taskType": type_name,
        "event": event,
        "status": status.value,
        "timestamp": wire_time(at),
        "data": data,
    }
