"""What callers may launch."""

from __future__ import annotations

from jobs.services.access import job_for
from pixtasks.accounts.models import User
from pixtasks.common.errors import NotFound, RuleViolation


def own_job(user: User, job_id: int) -> None:
    """Let a caller launch work on jobs of their own only.

    Raises:
        RuleViolation: there is no such job.
        AccessDenied: it is somebody else's.
    """
    try:
        job_for(user, job_id)
    except NotFound as error:
        raise RuleViolation(f"There is no crawl job {job_id}") from error
