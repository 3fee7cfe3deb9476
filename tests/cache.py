"""A Redis cache that clears its own keys only: Django's own ``clear`` flushes the whole database of a given server."""

from __future__ import annotations

from django.core.cache.backends.redis import RedisCache


class OwnKeysRedisCache(RedisCache):
    """Deletes the keys below its ``KEY_PREFIX`` and nothing else."""

    def clear(self) -> bool:
        client = self._cache.get_client(None, write=True)
        for key in client.scan_iter(match=f"{self.key_prefix}:*", count=500):
            client.delete(key)
        return True
