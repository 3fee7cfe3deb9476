"""The product's settings on a private data folder, for the test-suite.

Nothing of the caller's environment but ``DATABASE_URL``, ``REDIS_URL`` and ``PIXTASKS_TEST_…`` takes part, so the
suite cannot touch an installation. ``PIXTASKS_TEST_DIR`` chooses where the private folder is made.
"""

import os
import secrets
import tempfile
from pathlib import Path

_SHARED = ("TASKS_API_URL", "TASK_API_KEY", "NEXT_PUBLIC_APP_URL", "WEBHOOK_", "WEBSOCKET_SERVER_URL", "INTERNAL_API_")
for _name in [name for name in os.environ if name.startswith(("PIXTASKS_", *_SHARED))]:
    if not _name.startswith("PIXTASKS_TEST_"):
        del os.environ[_name]
TEST_DATA_DIR = Path(tempfile.mkdtemp(prefix="pixtasks-test-", dir=os.environ.get("PIXTASKS_TEST_DIR")))
os.environ["PIXTASKS_DATA_DIR"] = str(TEST_DATA_DIR)
os.environ["PIXTASKS_REDIS_PREFIX"] = f"pixtasks-test-{secrets.token_hex(4)}:"

from pixtasks.settings import *  # noqa: E402, F403
from pixtasks.settings import CACHES, DATABASES, REDIS_URL  # noqa: E402

TEST_REDIS_PREFIX = os.environ["PIXTASKS_REDIS_PREFIX"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in the product: threads and processes of one test see the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(TEST_DATA_DIR / "test.sqlite3")}
if REDIS_URL:
    CACHES["default"] |= {"BACKEND": "tests.cache.OwnKeysRedisCache", "KEY_PREFIX": TEST_REDIS_PREFIX}
