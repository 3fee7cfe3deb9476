"""The product's settings and one more app."""

from pixtasks.settings import *  # noqa: F403
from pixtasks.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.processes.sleeping"]
