"""Asking the broker whether it is there, bounded in time (RELIABILITY.md, "When something is down")."""

from __future__ import annotations

import os

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from .errors import Unavailable


def check_broker(*, seconds: float = 1.0) -> None:
    """Return when the broker answers.

    The broker's own client would try again for many seconds; this asks once.

    Args:
        seconds: the longest wait, half of it for connecting and half for the answer.

    Raises:
        Unavailable: it does not answer; the message is the cause, such as ``Redis connection refused``.
    """
    if settings.REDIS_URL:
        _ping(settings.REDIS_URL, seconds)
        return
    options = settings.CELERY["broker_transport_options"]
    for folder in (options["data_folder_in"], options["control_folder"]):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Unavailable("The broker's folder cannot be written")


def _ping(url: str, seconds: float) -> None:
    client = redis.Redis.from_url(
        url, socket_connect_timeout=seconds / 2, socket_timeout=seconds / 2, retry=Retry(NoBackoff(), 0)
    )
    try:
        client.ping()
    except redis.TimeoutError as error:
        raise Unavailable("Redis does not answer") from error
    except redis.ConnectionError as error:
        refused = isinstance(error.__cause__, ConnectionRefusedError) or "refused" in str(error).lower()
        raise Unavailable("Redis connection refused" if refused else "Redis connection failed") from error
    except redis.RedisError as error:
        raise Unavailable("Redis refused the request") from error
    finally:
        client.close()
