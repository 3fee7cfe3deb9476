"""What a page does without a database: it is logged, and says what is away."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from pixtasks.common.dialects import JsonErrorMiddleware
from pixtasks.common.requests_log import RequestLogMiddleware


def test_a_request_whose_user_the_database_cannot_tell_goes_on_to_its_view(rf: RequestFactory) -> None:
    def ask() -> AnonymousUser:
        raise OperationalError("no connection is left")

    request = rf.get("/admin/")
    request.user = SimpleLazyObject(ask)  # type: ignore[assignment]
    RequestLogMiddleware.bind_user_id(request)


def test_a_page_that_finds_no_database_says_so_and_when_to_come_back(rf: RequestFactory) -> None:
    middleware = JsonErrorMiddleware(lambda _: HttpResponse())
    answer = middleware.process_exception(rf.get("/admin/"), OperationalError("no connection is left"))
    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The database is not available" in answer.content.decode()
    assert middleware.process_exception(rf.get("/admin/"), ValueError("a defect")) is None
