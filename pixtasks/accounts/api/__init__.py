"""Sign-in over HTTP, under ``/api/v1/auth`` (CONTRACT J02-J05), and API keys, under ``/api/v1/api-keys``."""
