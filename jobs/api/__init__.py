"""Dialect J: projects, jobs, images and validation over HTTP, below ``/api/v1`` (CONTRACT 2.2)."""
