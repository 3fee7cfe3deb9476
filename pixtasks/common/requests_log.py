"""The log of requests, which also tells of those that find no database."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware


class RequestLogMiddleware(RequestMiddleware):
    """Logs each request with its user; where the database cannot tell who that is, without."""

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Bind the user's id; a database that is away is the view's matter, which is answered with 503."""
        try:
            RequestMiddleware.bind_user_id(request)
        except (OperationalError, InterfaceError):
            return
