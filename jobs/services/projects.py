"""Projects: create, change, delete."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from jobs.models import CrawlJob, Project
from jobs.services.crawl_jobs import delete_job
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
    actor: User | None = None,
    address: str | None = None,
) -> Project:
    """Create a project.

    Args:
        slug: made from the name where not given, with a number where that is taken.
        actor, address: who asks, and from where, for the audit log; here and below.

    Raises:
        Conflict: the given slug is taken.
    """
    with transaction.atomic():
        project = _insert(owner, name, slug, description) if slug is not None else _number(owner, name, description)
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


def update_project(project: Project, *, name: str | None = None, description: str | None = None) -> Project:
    """Change what is given, keep the rest."""
    if name is not None:
        project.name = name
    if description is not None:
        project.description = description
    project.save(update_fields=["name", "description", "updated_at"])
    return project


def delete_project(project: Project, *, actor: User | None = None, address: str | None = None) -> None:
    """Delete a project and all its jobs; running ones are cancelled first."""
    for job in CrawlJob.objects.filter(project=project):
        delete_job(job, actor=actor, address=address)
    with transaction.atomic():
        audit("project.deleted", actor=actor, target=project, detail={"slug": project.slug}, address=address)
        project.delete()


def _number(owner: User, name: str, description: str) -> Project:
    """Insert a project under a slug made from its name; where another request takes that first, under the next."""
    for _ in range(_TRIES):
        try:
            return _insert(owner, name, _free_slug(name), description)
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


def _insert(owner: User, name: str, slug: str, description: str) -> Project:
    try:
        with transaction.atomic():
            return Project.objects.create(owner=owner, name=name, slug=slug, description=description)
    except IntegrityError as error:
        raise Conflict(f"The slug {slug!r} is taken; choose another") from error
