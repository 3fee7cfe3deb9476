"""Errors over HTTP: what went wrong becomes a Problem, and the path's dialect decides how it is written.

A dialect is a set of URL prefixes and one renderer (CONTRACT X09). The longest prefix wins. Nothing else builds an
error body: views raise, this module renders, for routes that exist and for those that do not.
"""

from __future__ import annotations

import math
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template import loader
from django.views import defaults
from pydantic import ValidationError as PydanticError
from rest_framework import exceptions
from rest_framework.response import Response

from .errors import FieldError, InvalidInput, NotAuthenticated, PixtasksError, RateLimited, Unavailable
from .json import FastJsonRenderer, dump_json, read_body
from .trouble import is_used_up
from .wording import field_errors

logger = structlog.get_logger(__name__)

AUTHENTICATE_HEADER = 'Bearer realm="api"'
DATABASE_DOWN = "The database is not available; please retry later."
USED_UP = "The server has no disk space or no file descriptor left; please retry later."
NOT_FOUND = "Not found"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, independent of how a dialect writes it.

    Args:
        status: the HTTP status; a dialect may write another one (422 is 400 in G).
        message: a sentence for the user.
        code: the dialect G word; empty means the word of the status.
        errors: the faults of an invalid body or query.
        headers: response headers such as Retry-After.
    """

    status: int
    message: str
    code: str = ""
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialect:
    """URL prefixes, and the body and status of an error below them."""

    name: str
    prefixes: tuple[str, ...]
    render: Callable[[Problem], tuple[int, dict[str, Any]]]


def detail_body(problem: Problem) -> tuple[int, dict[str, Any]]:
    """Return the body of J, C, R and D: ``{"detail": …}``, a list where the input is invalid (CONTRACT X11)."""
    if problem.errors:
        return problem.status, {"detail": [error.as_dict() for error in problem.errors]}
    return problem.status, {"detail": problem.message}


CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT",
    411: "VALIDATION_ERROR",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
}
"""The words of G by status (CONTRACT X66); every other status is INTERNAL_ERROR."""


def coded_body(problem: Problem) -> tuple[int, dict[str, Any]]:
    """Return the body of G: ``{error, message, details?, statusCode}``; invalid input is 400 (CONTRACT X09, X10)."""
    status = 400 if problem.status == 422 else problem.status
    body: dict[str, Any] = {"error": problem.code or CODES.get(status, "INTERNAL_ERROR"), "message": problem.message}
    if problem.errors:
        first = problem.errors[0]
        where = ".".join(str(part) for part in first.loc[1:])
        # A message that does not name its field is preceded by it; the documented sentences name theirs.
        named = not where or first.type == "value_error.jsondecode" or str(first.loc[-1]) in first.msg
        body["message"] = first.msg if named else f"{where}: {first.msg}"
        body["details"] = [error.as_dict() for error in problem.errors]
    body["statusCode"] = status
    return status, body


DIALECTS = (
    Dialect("detail", ("/api", "/tasks", "/healthz", "/readyz", "/openapi.json"), detail_body),
    Dialect(
        "gather",
        (
            "/api/v1/automated-gather",
            "/api/webhooks/automated-gather-progress",
            "/api/v1/webhooks/automated-gather-progress",
        ),
        coded_body,
    ),
)


def dialect_of(path: str) -> Dialect | None:
    """Return the dialect of the longest prefix that holds the path, or None for pages."""
    best: tuple[int, Dialect] | None = None
    for dialect in DIALECTS:
        for prefix in dialect.prefixes:
            inside = path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in {"", "/"}
            if inside and (best is None or len(prefix) > best[0]):
                best = (len(prefix), dialect)
    return best[1] if best else None


def request_id() -> str:
    """Return the correlation id of the request that is being answered; it stands in each of its log lines."""
    bound = structlog.contextvars.get_contextvars().get("request_id")
    if not bound:
        # Middleware outside django-structlog's refused the request: it has no id yet.
        bound = str(uuid.uuid4())
        structlog.contextvars.bind_contextvars(request_id=bound)
    return str(bound)


def _retry_header(seconds: float | None) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))} if seconds is not None else {}


def _drf_faults(detail: object, loc: tuple[str | int, ...] = ("body",)) -> list[FieldError]:
    """Return the faults of a serializer in the one form that this product has."""
    if isinstance(detail, Mapping):
        faults = []
        for key, value in detail.items():
            inner = loc if key == "non_field_errors" else (*loc, key)
            faults.extend(_drf_faults(value, inner))
        return faults
    if isinstance(detail, list):
        faults = []
        for index, value in enumerate(detail):
            inner = (*loc, index) if isinstance(value, Mapping | list) else loc
            faults.extend(_drf_faults(value, inner))
        return faults
    code = getattr(detail, "code", "invalid")
    if code == "required":
        return [FieldError(loc, "field required", "value_error.missing")]
    return [FieldError(loc, str(detail), "value_error" if code == "invalid" else f"value_error.{code}")]


def _framework_problem(error: exceptions.APIException) -> Problem:
    message = str(error.detail) if isinstance(error.detail, str) else error.default_detail
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        if isinstance(error.detail, Mapping):
            message = str(error.detail.get("detail", error.default_detail))
        header = getattr(error, "auth_header", None) or AUTHENTICATE_HEADER
        return Problem(401, str(message), headers={"WWW-Authenticate": header})
    if isinstance(error, exceptions.ValidationError):
        return Problem(422, "Validation error", errors=tuple(_drf_faults(error.detail)))
    if isinstance(error, exceptions.NotFound):
        return Problem(404, NOT_FOUND if message == error.default_detail else str(message))
    if isinstance(error, exceptions.Throttled):
        return Problem(429, str(message), headers=_retry_header(getattr(error, "wait", None) or 1))
    if isinstance(error, exceptions.APIException) and error.status_code == 503:
        return Problem(503, str(message), headers=_retry_header(5))
    return Problem(error.status_code, str(message))


def problem_of(error: BaseException) -> Problem | None:
    """Return what an exception means to the caller; None for one that nobody expected."""
    match error:
        case InvalidInput():
            return Problem(422, error.message, getattr(error, "code", ""), tuple(error.errors))
        case PydanticError():
            faults = field_errors(error, ("body",))
            return Problem(422, "Validation error", errors=tuple(faults))
        case PixtasksError():
            headers: dict[str, str] = {}
            if isinstance(error, RateLimited | Unavailable):
                headers = _retry_header(error.retry_after)
            elif isinstance(error, NotAuthenticated):
                headers = {"WWW-Authenticate": AUTHENTICATE_HEADER}
            else:
                headers = _retry_header(getattr(error, "retry_after", None))
            return Problem(error.status, error.message, getattr(error, "code", ""), headers=headers)
        case exceptions.APIException():
            return _framework_problem(error)
        case Http404():
            return Problem(404, NOT_FOUND)
        case PermissionDenied():
            return Problem(403, str(error) or "Access denied to this resource")
        case RequestDataTooBig():
            return Problem(413, "The request body is too large")
        case SuspiciousOperation():
            return Problem(400, "The request was refused: its host, headers or encoding are not acceptable")
        case OperationalError() | InterfaceError():
            return Problem(503, DATABASE_DOWN, headers=_retry_header(5))
        case OSError() if is_used_up(error):
            return Problem(503, USED_UP, headers=_retry_header(30))
    return None


def _unexpected(error: BaseException | None) -> Problem:
    """Log an unexpected error and return what may be said about it: the id under which the log holds it."""
    correlation = request_id()
    logger.error("request_failed", exc_info=error or True)
    return Problem(500, f"Internal server error (request {correlation})")


def _noted(error: BaseException) -> Problem:
    """Return the problem of an error, and log what an operator must know of."""
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("database_unavailable", exc_info=error)
    elif is_used_up(error):
        logger.error("machine_used_up", exc_info=error)
    return problem_of(error) or _unexpected(error)


def json_response(problem: Problem, path: str) -> HttpResponse:
    """Return the problem as JSON in the dialect of the path (``{"detail"}`` where the path has none)."""
    dialect = dialect_of(path)
    status, body = dialect.render(problem) if dialect else detail_body(problem)
    return HttpResponse(dump_json(body), status=status, content_type="application/json", headers=dict(problem.headers))


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Render what a view raised (REST framework's ``EXCEPTION_HANDLER``).

    An unexpected error returns None: the framework raises it again and ``JsonErrorMiddleware`` answers.
    """
    if problem_of(error) is None:
        return None
    problem = _noted(error)
    request = context["request"]
    dialect = dialect_of(request.path)
    status, body = dialect.render(problem) if dialect else detail_body(problem)
    # An error is JSON whatever the Accept header says, and also where negotiation itself failed.
    request.accepted_renderer = FastJsonRenderer()
    request.accepted_media_type = FastJsonRenderer.media_type
    return Response(body, status=status, headers=dict(problem.headers))


class JsonErrorMiddleware:
    """Writes every error below an API prefix as JSON, gives every response its ``X-Request-ID``.

    It is the innermost middleware. What outer middleware refuses comes to ``handler400`` … ``handler500`` below.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        problem = _unreadable(request) if dialect_of(request.path) else None
        response = json_response(problem, request.path) if problem else self.get_response(request)
        if response.status_code >= 400 and dialect_of(request.path) and not _is_json(response):
            response = _rewritten(response, request.path)
        response.headers.setdefault("X-Request-ID", request_id())
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Answer for a view that raised; pages keep Django's own handling, but where something needed is away."""
        if dialect_of(request.path) is None:
            return _unavailable(error)
        return json_response(_noted(error), request.path)


def _unavailable(error: Exception) -> HttpResponse | None:
    """Return the page that says what is away; None where nothing is."""
    problem = problem_of(error)
    if problem is None or problem.status != 503:
        return None
    _noted(error)
    # Without the request: whoever asks, the database cannot tell.
    page = loader.render_to_string("503.html", {"reason": problem.message})
    return HttpResponse(page, status=503, headers=dict(problem.headers))


def _unreadable(request: HttpRequest) -> Problem | None:
    """Return why a request cannot be read, or None.

    NUL can come by path and query too, and PostgreSQL refuses it in a comparison. A body without a length (chunked
    transfer coding) looks empty to the framework: it gets its length here, or 411 where the server cannot tell.
    """
    if "\x00" in request.path:
        return Problem(404, NOT_FOUND)
    if "%00" in request.META.get("QUERY_STRING", ""):
        fault = FieldError(("query",), "the character NUL (%00) is not allowed", "value_error.str.nul")
        return Problem(422, fault.msg, errors=(fault,))
    if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
        if not hasattr(request, "scope"):
            return Problem(411, "Send the body with a Content-Length header")
        try:
            request.META["CONTENT_LENGTH"] = str(len(read_body(request)))
        except PixtasksError as error:
            return problem_of(error)
    return None


def _is_json(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").partition(";")[0].strip() in {
        "application/json",
        "application/vnd.oai.openapi+json",
    }


def _rewritten(response: HttpResponseBase, path: str) -> HttpResponseBase:
    """Return the JSON form of an error that a plain view or middleware wrote as text; headers stay."""
    message = {404: NOT_FOUND}.get(response.status_code, response.reason_phrase)
    kept = {name: value for name, value in response.headers.items() if name not in {"Content-Type", "Content-Length"}}
    replacement = json_response(Problem(response.status_code, message), path)
    for name, value in kept.items():
        replacement.headers[name] = value
    replacement.cookies = response.cookies
    return replacement


def _handler(status: int, message: str, page: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    def handle(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
        if dialect_of(request.path) is None:
            return page(request) if status == 500 else page(request, exception)
        raised = exception or sys.exc_info()[1]
        if status == 500:
            problem = _noted(raised) if raised else _unexpected(None)
        else:
            problem = (problem_of(raised) if raised else None) or Problem(status, message)
            if problem.status >= 500:
                problem = replace(problem, status=status, message=message)
        response = json_response(problem, request.path)
        response.headers["X-Request-ID"] = request_id()
        return response

    return handle


handler400 = _handler(400, "Bad request", defaults.bad_request)
handler403 = _handler(403, "Access denied to this resource", defaults.permission_denied)
handler404 = _handler(404, NOT_FOUND, defaults.page_not_found)
handler500 = _handler(500, "Internal server error", defaults.server_error)
