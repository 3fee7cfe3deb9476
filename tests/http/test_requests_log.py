"""The log of requests needs no database."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from pixtasks.common.requests_log import RequestLogMiddleware


def test_a_request_whose_user_the_database_cannot_tell_goes_on_to_its_view(rf: RequestFactory) -> None:
    def ask() -> AnonymousUser:
        raise OperationalError("no connection is left")

    request = rf.get("/admin/")
    request.user = SimpleLazyObject(ask)  # type: ignore[assignment]
    RequestLogMiddleware.bind_user_id(request)
