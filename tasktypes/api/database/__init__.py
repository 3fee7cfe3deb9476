"""Dialect D: typed tasks with de-duplication at ``/tasks`` (CONTRACT 2.5)."""
