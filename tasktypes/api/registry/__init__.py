"""Dialect R: task types and tasks for outside workers (CONTRACT R01–R35)."""
