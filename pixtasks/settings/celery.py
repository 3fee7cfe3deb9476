"""Celery's settings, each with its measured reason in RELIABILITY.md."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

from . import env


def celery_settings(*, redis_url: str, broker_folder: Path) -> dict[str, Any]:
    """Return the settings of the Celery application.

    Args:
        redis_url: the broker; empty means the filesystem transport, which needs no server.
        broker_folder: where the filesystem transport keeps its messages.
    """
    settings: dict[str, Any] = {
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "result_backend": "django-db",
        "result_extended": True,
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_create_missing_queues": False,
        "task_default_queue": "default",
        "task_track_started": False,
        "task_publish_retry": False,  # The ledger rings again; a request must not wait for a broker.
        "worker_pool": "prefork",
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 200,
        "worker_max_memory_per_child": env.number("PIXTASKS_WORKER_MAX_MEMORY_KB", 600_000, minimum=100_000),
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_soft_shutdown_timeout": 20,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "broker_connection_timeout": 5,
        "timezone": "UTC",
        "beat_scheduler": "tasktypes.scheduler:LedgerScheduler",
    }
    if redis_url:
        settings["broker_url"] = redis_url
        settings["broker_transport_options"] = {
            "visibility_timeout": env.number("PIXTASKS_VISIBILITY_TIMEOUT", 7500, minimum=10),
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": env.text("PIXTASKS_REDIS_PREFIX", "pixtasks:"),
        }
    else:
        for folder in ("messages", "control"):
            (broker_folder / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        for exchange in ("default", "celery.pidbox", "reply.celery.pidbox"):
            _empty_exchange(broker_folder / "control" / f"{exchange}.exchange")
        settings["broker_url"] = "filesystem://localhost/"
        settings["broker_transport_options"] = {
            "data_folder_in": str(broker_folder / "messages"),
            "data_folder_out": str(broker_folder / "messages"),
            "control_folder": str(broker_folder / "control"),
            "polling_interval": 0.1,
        }
        # With 1, acknowledgements wait for the end of a two-second drain loop: two tasks per two seconds.
        settings["worker_prefetch_multiplier"] = 0
    return settings


def _empty_exchange(path: Path) -> None:
    """Make the file that holds an exchange's queues, before anybody binds one.

    Kombu opens a file that is not there yet for writing and locks it afterwards: of two that do so at once the second
    cuts off what the first has written, and then nobody can read it any more.
    """
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    draft.write_text("[]")
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink(missing_ok=True)
