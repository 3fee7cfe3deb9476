"""``/healthz``: this process answers. ``/readyz``: work that is accepted now will be done now."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pixtasks.common.broker import check_broker
from pixtasks.common.errors import Unavailable
from tasktypes.services.inspect import live_workers

RETRY_SECONDS = 5


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 without asking anything else: a restart would not mend a database that is down."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Return 200 where database, broker and at least one worker answer, else 503 with the reasons."""
    checks = {"database": _database()}
    checks["broker"] = _broker()
    checks["workers"] = _workers() if checks["database"] == "ok" else "not asked: the database is not available"
    ready = all(result == "ok" for result in checks.values())
    response = JsonResponse(
        {"status": "ready" if ready else "not ready", "checks": checks}, status=200 if ready else 503
    )
    if not ready:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "the database does not answer"
    return "ok"


def _broker() -> str:
    try:
        check_broker(seconds=1.0)
    except Unavailable as error:
        return error.message
    return "ok"


def _workers() -> str:
    try:
        return "ok" if live_workers() else "no worker was heard of lately; start one"
    except DatabaseError:
        return "the database does not answer"
