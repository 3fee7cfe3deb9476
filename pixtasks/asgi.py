"""The ASGI application. Importing this module starts nothing; asking for ``application`` makes it (CONTRACT D14)."""

from __future__ import annotations

import codecs
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
    from pixtasks.common.connections import close_after_requests
    from pixtasks.common.patience import bound_lock_waits

    refuse_unsafe_start()
    bound_lock_waits()
    close_after_requests()
    # Django logs every error answer through it; loaded only then, it needs a file descriptor when none may be left.
    codecs.lookup("unicode_escape")
    # Only now: these read the settings when they are imported.
    from channels.routing import ProtocolTypeRouter

    from gather.realtime.socket import websocket
    from gather.realtime.sse import with_events

    return ProtocolTypeRouter({"http": with_events(http), "websocket": websocket})


def __getattr__(name: str) -> Any:
    if name == "application":
        return create_application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
