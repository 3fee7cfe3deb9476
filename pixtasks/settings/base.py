"""What both profiles share: applications, HTTP, sign-in, admin."""

from datetime import timedelta
from pathlib import Path

from corsheaders.defaults import default_headers

from pixtasks import __version__

from . import env
from .console import UNFOLD  # noqa: F401 -- a setting

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(env.text("PIXTASKS_DATA_DIR", str(BASE_DIR / "data"))).resolve()
# Several installations may share one Redis: every key of this one begins so.
REDIS_PREFIX = env.text("PIXTASKS_REDIS_PREFIX", "pixtasks:")
PIXTASKS_PROFILE = env.text("PIXTASKS_PROFILE", "development")

INSTALLED_APPS = [
    "unfold",
    "pixtasks.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "channels",
    "rest_framework",
    "rest_framework_api_key",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_celery_beat",
    "django_celery_results",
    "django_htmx",
    "django_structlog",
    "pixtasks",
    "pixtasks.accounts",
    "tasktypes",
    "jobs",
    "gather",
]

MIDDLEWARE = [
    "pixtasks.common.origin.OriginMiddleware",
    "pixtasks.common.slashes.EitherSlashMiddleware",
    "pixtasks.common.headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pixtasks.common.requests_log.RequestLogMiddleware",
    "pixtasks.common.dialects.JsonErrorMiddleware",
]

ROOT_URLCONF = "pixtasks.urls"
WSGI_APPLICATION = "pixtasks.wsgi.application"
ASGI_APPLICATION = "pixtasks.asgi.application"
APPEND_SLASH = False  # EitherSlashMiddleware answers both forms directly (CONTRACT X08).
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "web:sign-in"
CSRF_FAILURE_VIEW = "pixtasks.web.errors.csrf_failure"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
LOGIN_REDIRECT_URL = "/admin/"  # Where somebody goes who opened the sign-in page itself.
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT: Path | None = Path(env.text("PIXTASKS_STATIC_ROOT", str(BASE_DIR / "staticfiles")))

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "pixtasks.accounts.authentication.BearerAuthentication",
        "pixtasks.accounts.authentication.ApiKeyAuthentication",
        "pixtasks.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["pixtasks.common.json.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "pixtasks.common.json.FastJsonRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["pixtasks.common.throttles.GeneralThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "general": env.text("PIXTASKS_API_RATE", "6000/minute"),
        "launch": env.text("PIXTASKS_LAUNCH_RATE", "6000/minute"),  # Tasks, not requests.
        "start_job": env.text("PIXTASKS_START_JOB_RATE", "10/minute"),
        "start_gather": env.text("PIXTASKS_START_GATHER_RATE", "10/minute"),
        "login_address": env.text("PIXTASKS_LOGIN_ADDRESS_RATE", "60/minute"),
        "login_account": env.text("PIXTASKS_LOGIN_ACCOUNT_RATE", "10/minute"),
    },
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "URL_FORMAT_OVERRIDE": None,  # "format" is a filter of lists, not the form of the answer.
    "EXCEPTION_HANDLER": "pixtasks.common.dialects.exception_handler",
    # Without it a made-up X-Forwarded-For header walks around every throttle.
    "NUM_PROXIES": env.number("PIXTASKS_NUM_PROXIES", 0),
}

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=3600),  # CONTRACT J04
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "ALGORITHM": "HS256",
    "UPDATE_LAST_LOGIN": True,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "pixtasks",
    "DESCRIPTION": "Build image datasets, and run any other background work, on one task ledger.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "CONTACT": {"name": "Support", "email": env.text("PIXTASKS_SUPPORT_EMAIL", "support@example.com")},
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}


def redis_cache(url: str) -> dict[str, dict[str, object]]:
    """Return Django's CACHES on Redis, bounded in time: a request must not hang on a cache that does not answer."""
    return {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": url,
            "KEY_PREFIX": f"{REDIS_PREFIX}cache",
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }


def redis_channels(url: str) -> dict[str, dict[str, object]]:
    """Return the channel layer on Redis."""
    return {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [url], "prefix": f"{REDIS_PREFIX}channels"},
        }
    }


# Without it a page of another origin reads no total and no next page.
CORS_EXPOSE_HEADERS = [
    "X-Total-Count", "Link", "Retry-After", "ETag", "X-Request-ID", "X-Update-Seq", "Idempotency-Replayed",
]  # fmt: skip
# What a page of another origin may send besides the usual (CONTRACT G42).
CORS_ALLOW_HEADERS = [
    *default_headers, "x-api-key", "idempotency-key", "x-webhook-signature", "x-webhook-timestamp", "x-webhook-id",
    "last-event-id",
]  # fmt: skip
# The web application whose pages call this API (CONTRACT G33, G42). Production has to name it.
_app_default = "http://localhost:3000" if PIXTASKS_PROFILE == "development" else ""
NEXT_PUBLIC_APP_URL = env.text("NEXT_PUBLIC_APP_URL", _app_default).strip()
CORS_ALLOWED_ORIGINS = env.words("PIXTASKS_CORS_ORIGINS", (env.origin(NEXT_PUBLIC_APP_URL),))
DJANGO_CELERY_BEAT_TZ_AWARE = True
