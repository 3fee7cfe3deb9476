"""The task ledger: everything that runs is one row; the database decides, Celery delivers."""
