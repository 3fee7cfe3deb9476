"""The suite runs on a private data folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection


def test_the_suite_never_uses_the_data_folder_of_an_installation() -> None:
    folder = Path(settings.DATA_DIR)
    assert folder == Path(settings.TEST_DATA_DIR).resolve()
    assert folder.name.startswith("pixtasks-test-")
    assert settings.BASE_DIR not in folder.parents or tempfile.gettempdir() in str(folder)


def test_clearing_the_cache_keeps_what_others_stored_on_the_same_server() -> None:
    cache.set("mine", 1)
    cache.clear()
    assert cache.get("mine") is None
    if settings.REDIS_URL:
        import redis

        with redis.Redis.from_url(settings.REDIS_URL) as client:
            key = f"not-ours:{settings.TEST_REDIS_PREFIX}"
            client.set(key, "theirs", ex=60)
            cache.clear()
            assert client.get(key) == b"theirs"
            client.delete(key)


@pytest.mark.django_db
def test_the_database_is_a_file_or_a_server_that_other_processes_can_open() -> None:
    name = str(connection.settings_dict["NAME"])
    assert "memory" not in name
    if connection.vendor == "sqlite":
        assert Path(name).parent == Path(settings.DATA_DIR)
