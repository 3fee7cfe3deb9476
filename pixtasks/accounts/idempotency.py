"""The ``Idempotency-Key`` header, for the views of every dialect (CONTRACT X22, X64).

::

    class StartView(APIView):
        @extend_schema(parameters=[IDEMPOTENCY_KEY], …)
        @idempotent
        def post(self, request: Request, job_id: int) -> Response: …
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from pixtasks.common.errors import FieldError, InvalidInput
from pixtasks.common.json import dump_json
from pixtasks.common.validation import body_of

from .models import User
from .services.idempotency import Answer, Reservation, give_back, keep, reserve

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
"""Is ``true`` on an answer that was stored."""
_LONGEST = 200

IDEMPOTENCY_KEY = OpenApiParameter(
    name=HEADER,
    location=OpenApiParameter.HEADER,
    required=False,
    description=(
        "Makes repeating this request safe: under the same key it is carried out once, and for a day its repetition "
        "is answered with what the first was answered. Another body under the same key is refused with 422, a "
        "repetition while the first is still being carried out with 409."
    ),
    type={"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[!-~]+$"},
)

P = ParamSpec("P")
View = Callable[Concatenate[Any, Request, P], Response]


def idempotent(method: View[P]) -> View[P]:
    """Honour the header around a view's method.

    Only success is stored; a request that was refused may be corrected and sent again under its key. The method runs
    inside a transaction, so it must not wait for anything but the database.
    """

    @wraps(method)
    def wrapper(view: Any, request: Request, *args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return method(view, request, *args, **kwargs)
        found = _reserve(request, key)
        if isinstance(found, Answer):
            return Response(json.loads(found.body), status=found.status, headers={REPLAYED_HEADER: "true"})
        stored = False
        try:
            with transaction.atomic():
                response = method(view, request, *args, **kwargs)
                if response.status_code < 300:
                    keep(found, Answer(response.status_code, dump_json(response.data).decode()))
                    stored = True
        except BaseException:
            stored = False
            raise
        finally:
            if not stored:
                give_back(found)
        return response

    return wrapper


def _reserve(request: Request, key: str) -> Reservation | Answer:
    if not 0 < len(key) <= _LONGEST or not all("!" <= character <= "~" for character in key):
        raise InvalidInput(
            FieldError(
                ("header", HEADER), f"1 to {_LONGEST} visible ASCII characters expected", "value_error.idempotency_key"
            )
        )
    assert isinstance(request.user, User) and request.method is not None
    content = json.dumps([request.get_full_path(), body_of(request)], sort_keys=True)
    return reserve(
        user=request.user,
        method=request.method,
        path=request.path,
        key=key,
        fingerprint=hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(),
    )
