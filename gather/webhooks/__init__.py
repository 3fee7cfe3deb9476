"""The way in for progress that others report: ``POST /api/webhooks/automated-gather-progress``."""
