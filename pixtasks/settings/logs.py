"""Structured logs: one line per event, with the request's correlation id; JSON in production."""

from __future__ import annotations

from typing import Any

import structlog

from . import env

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.StackInfoRenderer(),
]

structlog.configure(
    processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)


def logging_settings(*, json: bool) -> dict[str, Any]:
    """Return Django's LOGGING: everything to standard error, as JSON or as readable lines."""
    # Tracebacks without local variables: these hold passwords and tokens, and printing them takes seconds.
    tail: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json:
        transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        tail += [structlog.processors.ExceptionRenderer(transformer), structlog.processors.JSONRenderer()]
    else:
        tail.append(structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback))
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": tail,
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": env.text("PIXTASKS_LOG_LEVEL", "INFO")},
        "loggers": {
            "django_structlog": {"level": env.text("PIXTASKS_REQUEST_LOG_LEVEL", "WARNING")},
            "httpx": {"level": "WARNING"},
        },
    }
