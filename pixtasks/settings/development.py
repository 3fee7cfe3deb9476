"""Development: zero services. SQLite, Celery over files, everything below ``PIXTASKS_DATA_DIR``."""

import os
import secrets
from urllib.parse import urlsplit

from . import env
from .base import *  # noqa: F403
from .base import DATA_DIR, SIMPLE_JWT, redis_cache, redis_channels
from .celery import celery_settings
from .logs import logging_settings
from .product import *  # noqa: F403
from .product import PIXTASKS_WEBHOOK_RECEIVER_PORT

DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.words("PIXTASKS_ALLOWED_HOSTS")]
PIXTASKS_ANONYMOUS_API = env.flag("PIXTASKS_ANONYMOUS_API", True)
PIXTASKS_BASE_URL = env.text("PIXTASKS_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
TASKS_API_URL = env.text("TASKS_API_URL", PIXTASKS_BASE_URL).strip().rstrip("/")
_address = urlsplit(PIXTASKS_BASE_URL)
PIXTASKS_FETCH_ALLOW = env.words(
    "PIXTASKS_FETCH_ALLOW",
    (f"127.0.0.1:{_address.port or 80}", f"127.0.0.1:{PIXTASKS_WEBHOOK_RECEIVER_PORT}"),
)
PIXTASKS_DEFAULT_ENGINES = env.words("PIXTASKS_DEFAULT_ENGINES", ("sample",))
PIXTASKS_ENGINE_ALIASES = env.mapping("PIXTASKS_ENGINE_ALIASES", {"google": "sample", "bing": "sample"})


def _installation_secret(name: str) -> str:
    """Return the secret of that name, made at the first start and kept in the data folder (mode 0600)."""
    path = DATA_DIR / "secrets" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # Fails where another process was first: its secret is the one.
        except FileExistsError:
            pass
        draft.unlink()
    return path.read_text().strip()


SECRET_KEY = env.text("PIXTASKS_SECRET_KEY") or _installation_secret("django")
SIMPLE_JWT["SIGNING_KEY"] = env.text("PIXTASKS_JWT_KEY") or _installation_secret("jwt")
WEBHOOK_SECRET = env.text("WEBHOOK_SECRET").strip() or _installation_secret("webhook")  # CONTRACT X47

DATABASES = {"default": env.database(env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'pixtasks.sqlite3'}"))}
REDIS_URL = env.text("REDIS_URL")
if REDIS_URL:
    CACHES = redis_cache(REDIS_URL)
    CHANNEL_LAYERS = redis_channels(REDIS_URL)
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 10_000},  # With 300, throttles forget their callers.
        }
    }
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "media"}},
    "images": {"BACKEND": "jobs.fetch.storage.ImageStorage", "OPTIONS": {"location": DATA_DIR / "images"}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # No collectstatic needed for "make run",
STATIC_ROOT = None  # and no folder of collected files to look into.

CELERY = celery_settings(redis_url=REDIS_URL, broker_folder=DATA_DIR / "broker")
LOGGING = logging_settings(json=False)
