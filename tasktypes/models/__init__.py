"""The ledger's tables. Only the services of this app write to them."""

from tasktypes.models.bucket import Bucket, BucketStart
from tasktypes.models.event import TaskEvent
from tasktypes.models.group import TaskGroup
from tasktypes.models.process import Process
from tasktypes.models.schedule import ScheduledSlot
from tasktypes.models.tally import TallyDelta
from tasktypes.models.task import DependencyFailure, Task
from tasktypes.models.task_type import TaskType
from tasktypes.models.throughput import Measure, SourceFault, Throughput
from tasktypes.models.worker import Worker
from tasktypes.webhooks.models import WebhookDelivery, WebhookEndpoint

__all__ = [
    "Bucket",
    "BucketStart",
    "DependencyFailure",
    "Measure",
    "Process",
    "ScheduledSlot",
    "SourceFault",
    "TallyDelta",
    "Task",
    "TaskEvent",
    "TaskGroup",
    "TaskType",
    "Throughput",
    "WebhookDelivery",
    "WebhookEndpoint",
    "Worker",
]
