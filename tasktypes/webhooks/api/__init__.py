"""``/api/webhooks/``: endpoints and deliveries over HTTP."""
