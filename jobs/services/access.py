"""Whose is it? Lists start from the caller; objects by id are checked (CONTRACT X23)."""

from __future__ import annotations

from django.db.models import QuerySet

from jobs.models import CrawlJob, Image, Project
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, NotFound

_LARGEST_ID = 2**63 - 1


def projects_of(user: User) -> QuerySet[Project]:
    """Return the caller's projects; staff see all."""
    projects = Project.objects.select_related("owner")
    return projects if user.is_staff else projects.filter(owner=user)


def jobs_of(user: User) -> QuerySet[CrawlJob]:
    """Return the caller's jobs, with project and group; staff see all."""
    jobs = CrawlJob.objects.with_group()
    return jobs if user.is_staff else jobs.filter(project__owner=user)


def project_for(user: User, project_id: int) -> Project:
    """Return a project the caller may use.

    Raises:
        NotFound: there is no such project.
        AccessDenied: it is somebody else's.
    """
    project = Project.objects.filter(pk=project_id).first() if project_id <= _LARGEST_ID else None
    if project is None:
        raise NotFound("Project not found")
    _allow(user, project.owner_id)
    return project


def job_for(user: User, job_id: int) -> CrawlJob:
    """Return a job the caller may use, with its project and group.

    Raises:
        NotFound: there is no such job (CONTRACT J11).
        AccessDenied: it is somebody else's (CONTRACT J12).
    """
    job = CrawlJob.objects.with_group().filter(pk=job_id).first() if job_id <= _LARGEST_ID else None
    if job is None:
        raise NotFound("Crawl job not found")
    _allow(user, job.project.owner_id)
    return job


def image_for(user: User, image_id: int) -> Image:
    """Return an image the caller may see.

    Raises:
        NotFound: there is no such image.
        AccessDenied: it is somebody else's.
    """
    images = Image.objects.select_related("job__project")
    image = images.filter(pk=image_id).first() if image_id <= _LARGEST_ID else None
    if image is None:
        raise NotFound("Image not found")
    _allow(user, image.job.project.owner_id)
    return image


def _allow(user: User, owner_id: int) -> None:
    if not user.is_staff and owner_id != user.pk:
        raise AccessDenied
