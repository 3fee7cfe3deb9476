"""Settings. ``PIXTASKS_PROFILE`` chooses ``development`` (default) or ``production``; the code is the same."""

from django.core.exceptions import ImproperlyConfigured

from . import env

_profile = env.text("PIXTASKS_PROFILE", "development")
if _profile == "development":
    from .development import *  # noqa: F403
elif _profile == "production":
    from .production import *  # noqa: F403
else:
    raise ImproperlyConfigured(f"PIXTASKS_PROFILE must be development or production, not {_profile!r}")
