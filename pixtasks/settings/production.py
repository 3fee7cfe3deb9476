"""Production: PostgreSQL, Redis, secrets from the environment; system checks refuse an unsafe start."""

from . import env
from .base import *  # noqa: F403
from .base import DATA_DIR, SIMPLE_JWT, redis_cache, redis_channels
from .celery import celery_settings
from .logs import logging_settings
from .product import *  # noqa: F403

DEBUG = False
SECRET_KEY = env.text("PIXTASKS_SECRET_KEY")
SIMPLE_JWT["SIGNING_KEY"] = env.text("PIXTASKS_JWT_KEY") or SECRET_KEY
ALLOWED_HOSTS = env.words("PIXTASKS_ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.words("PIXTASKS_CSRF_ORIGINS")
PIXTASKS_ANONYMOUS_API = env.flag("PIXTASKS_ANONYMOUS_API", False)
PIXTASKS_BASE_URL = env.text("PIXTASKS_BASE_URL").rstrip("/")
TASKS_API_URL = env.text("TASKS_API_URL").strip().rstrip("/")
WEBHOOK_SECRET = env.text("WEBHOOK_SECRET").strip()  # Empty: the progress webhook answers 503.
PIXTASKS_FETCH_ALLOW = env.words("PIXTASKS_FETCH_ALLOW")
PIXTASKS_DEFAULT_ENGINES = env.words("PIXTASKS_DEFAULT_ENGINES", ("openverse", "wikimedia"))
PIXTASKS_ENGINE_ALIASES = env.mapping("PIXTASKS_ENGINE_ALIASES", {})

DATABASES = {"default": env.database(env.text("DATABASE_URL", "postgresql://127.0.0.1:5432/pixtasks"))}
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = redis_cache(REDIS_URL)
CHANNEL_LAYERS = redis_channels(REDIS_URL)

_s3_bucket = env.text("PIXTASKS_S3_BUCKET")
_images = {"BACKEND": "jobs.fetch.storage.ImageStorage", "OPTIONS": {"location": DATA_DIR / "images"}}
if _s3_bucket:
    _images = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": _s3_bucket,
            "endpoint_url": env.text("PIXTASKS_S3_ENDPOINT") or None,
            "default_acl": None,
            "file_overwrite": True,  # Names are content hashes: the same name is the same bytes.
        },
    }
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "media"}},
    "images": _images,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CELERY = celery_settings(redis_url=REDIS_URL, broker_folder=DATA_DIR / "broker")
LOGGING = logging_settings(json=True)

# Behind a TLS proxy that sets X-Forwarded-Proto.
_tls = env.flag("PIXTASKS_TLS", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _tls else None
SECURE_SSL_REDIRECT = _tls
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _tls else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _tls
SECURE_HSTS_PRELOAD = _tls
SESSION_COOKIE_SECURE = _tls
CSRF_COOKIE_SECURE = _tls
