"""The product's settings, one more app, and what only a test may choose."""

import os

from pixtasks.settings import *  # noqa: F403
from pixtasks.settings import CELERY, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.work"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if _visibility := os.environ.get("FAULTS_VISIBILITY_SECONDS"):
    CELERY["broker_transport_options"] |= {
        "visibility_timeout": float(_visibility),
        "unacked_restore_interval": 1,
    }
