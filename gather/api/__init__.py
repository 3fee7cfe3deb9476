"""Dialect G: automated gathers at ``/api/v1/automated-gather`` (CONTRACT 2.1)."""
