"""The ASGI application. Importing this module starts nothing; asking for ``application`` makes it (CONTRACT D14)."""

from __future__ import annotations

import os
from functools import cache
from typing import Any


@cache
def create_application() -> Any:
    """Set Django up and return the application; the same one at every call.

    Raises:
        ImproperlyConfigured: the production profile is not safe to serve with.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pixtasks.settings")
    from django.core.asgi import get_asgi_application

    http = get_asgi_application()
    from pixtasks.checks import refuse_unsafe_start

    refuse_unsafe_start()
    # Only now: channels reads the settings when it is imported.
    from channels.routing import ProtocolTypeRouter

    return ProtocolTypeRouter({"http": http, "websocket": _refuse})


async def _refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Close a WebSocket before it is open: the server answers 403 instead of an error."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


def __getattr__(name: str) -> Any:
    if name == "application":
        return create_application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
