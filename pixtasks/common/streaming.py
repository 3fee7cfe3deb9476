"""Answers that are made while they are sent, so that their size costs no memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse


def streamed(
    request: HttpRequest, parts: Iterator[bytes], *, content_type: str, filename: str
) -> StreamingHttpResponse:
    """Return a download of the parts, each made when the one before has gone.

    Under ASGI a plain iterator would be run to its end first; it is asked part by part there, in the thread that the
    request's database connection belongs to.

    Args:
        filename: ASCII, without quotes.
    """
    body = _later(parts) if hasattr(request, "scope") else parts
    return StreamingHttpResponse(
        body,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # A proxy before us that collects the answer would defeat it.
        },
    )


async def _later(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(lambda: next(parts, None), thread_sensitive=True)
    while (part := await following()) is not None:
        yield part
