"""Dialect C: Celery's words for the ledger's tasks (CONTRACT C01-C22)."""
