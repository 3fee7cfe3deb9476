"""The WSGI application. Importing this module starts nothing; asking for ``application`` makes it (CONTRACT D14)."""

from __future__ import annotations

import os
from functools import cache

from django.core.handlers.wsgi import WSGIHandler


@cache
def create_application() -> WSGIHandler:
    """Set Django up and return the application; the same one at every call.

    Raises:
        ImproperlyConfigured: the production profile is not safe to serve with.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pixtasks.settings")
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
    from pixtasks.checks import refuse_unsafe_start
    from pixtasks.common.patience import bound_lock_waits

    refuse_unsafe_start()
    bound_lock_waits()
    return application


def __getattr__(name: str) -> WSGIHandler:
    if name == "application":
        return create_application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
