"""The client of the task service: submit, look, cancel, from any program (CONTRACT X45, G38, G40).

It needs the standard library only, and no Django::

    from gather.client import TaskService

    with TaskService("http://localhost:8000", api_key="…") as tasks:
        task = tasks.submit_task("ExampleDatabaseTask", {"message": "this", "count": 1})
        print(tasks.wait(task.id, timeout=60).result)
"""

from gather.client.answers import Submitted, TaskState
from gather.client.errors import (
    AuthenticationFailed,
    Conflict,
    FieldFault,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    TaskServiceError,
    Timeout,
    Unavailable,
)
from gather.client.service import AsyncTaskService, TaskService

__all__ = [
    "AsyncTaskService",
    "AuthenticationFailed",
    "Conflict",
    "FieldFault",
    "Forbidden",
    "InvalidRequest",
    "NotFound",
    "RateLimited",
    "Submitted",
    "TaskService",
    "TaskServiceError",
    "TaskState",
    "Timeout",
    "Unavailable",
]
