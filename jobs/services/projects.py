"""Projects: create, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from jobs.licenses import LicensePolicy
from jobs.models import CrawlJob, Project
from jobs.services.crawl_jobs import delete_job
from jobs.services.quarantine import change_policy
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import Conflict, FieldError, InvalidInput

_TRIES = 5


def create_project(
    *,
    owner: User,
    name: str,
    slug: str | None = None,
    description: str = "",
    license_policy: LicensePolicy | None = None,
    actor: User | None = None,
    address: str | None = None,
) -> Project:
    """Create a project.

    Args:
        slug: made from the name where not given, with a number where that is taken.
        license_policy: what the licences of its pictures must permit; everything passes where not given.
        actor, address: who asks, and from where, for the audit log; here and below.

    Raises:
        Conflict: the given slug is taken.
    """
    with transaction.atomic():
        facts = {"owner": owner, "name": name, "description": description, **asdict(license_policy or LicensePolicy())}
        project = _insert(slug, facts) if slug is not None else _number(name, facts)
        audit("project.created", actor=actor, target=project, detail={"slug": project.slug}, address=address)
    return project


def project_by_slug(*, owner: User, slug: str) -> Project:
    """Return the owner's project of that slug; create it where nobody has it.

    Raises:
        Conflict: the slug belongs to somebody else's project.
        InvalidInput: it is no slug.
    """
    if slug != slugify(slug) or not slug:
        raise InvalidInput(FieldError(("project",), f"{slug!r} is not a slug: use small letters, digits and '-'"))
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        return create_project(owner=owner, name=slug.replace("-", " "), slug=slug)
    if project.owner_id != owner.pk and not owner.is_staff:
        raise Conflict(f"The project {slug!r} belongs to somebody else; choose another slug")
    return project


def update_project(
    project: Project,
    *,
    name: str | None = None,
    description: str | None = None,
    license_policy: Mapping[str, bool] | None = None,
    actor: User | None = None,
    address: str | None = None,
) -> Project:
    """Change what is given, keep the rest.

    Args:
        license_policy: by the names of :class:`LicensePolicy`; where that changes anything, a task judges the images
            that are stored again.
    """
    if name is not None:
        project.name = name
    if description is not None:
        project.description = description
    detail: dict[str, Any] = {
        "changed": [field for field, value in (("name", name), ("description", description)) if value is not None]
    }
    with transaction.atomic():
        project.save(update_fields=["name", "description", "updated_at"])
        task = change_policy(project, license_policy) if license_policy else None
        if task is not None:
            detail["changed"].append("license_policy")
            detail |= {"license_policy": asdict(project.license_policy), "task": task.public_id}
        audit("project.changed", actor=actor, target=project, detail=detail, address=address)
    return project


def delete_project(project: Project, *, actor: User | None = None, address: str | None = None) -> None:
    """Delete a project and all its jobs; running ones are cancelled first."""
    for job in CrawlJob.objects.filter(project=project):
        delete_job(job, actor=actor, address=address)
    with transaction.atomic():
        audit("project.deleted", actor=actor, target=project, detail={"slug": project.slug}, address=address)
        project.delete()


def _number(name: str, facts: Mapping[str, Any]) -> Project:
    """Insert a project under a slug made from its name; where another request takes that first, under the next."""
    for _ in range(_TRIES):
        try:
            return _insert(_free_slug(name), facts)
        except Conflict:
            continue
    raise Conflict(f"Too many projects are being named {name!r} just now; try again")


def _free_slug(name: str) -> str:
    base = slugify(name)[:190] or "project"
    taken = set(Project.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    number = 1
    candidate = base
    while candidate in taken:
        number += 1
        candidate = f"{base}-{number}"
    return candidate


def _insert(slug: str, facts: Mapping[str, Any]) -> Project:
    try:
        with transaction.atomic():
            return Project.objects.create(slug=slug, **facts)
    except IntegrityError as error:
        raise Conflict(f"The slug {slug!r} is taken; choose another") from error
