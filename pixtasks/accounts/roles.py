"""The three ready roles, and the one place that says who may change what others own.

A role is a group of that name. Its rights are the table below; every ``migrate`` adds what the groups lack of it, so
new models are covered, and takes nothing away: what somebody granted beyond it stays. To give less than a role does,
make another group.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import models, transaction
from django.db.models import Q

from .models import OPERATE_CODENAME, User

OPERATED_APPS = frozenset({"jobs", "gather", "tasktypes", "django_celery_beat"})
"""What an operator adds, changes and deletes: the work itself and its schedules."""
ONLY_LOOKS = "Your role lets you look at everything and change nothing; an administrator can make you an operator"
"""What a viewer is told who tries to."""


class Role(models.TextChoices):
    """What somebody in the console is; each may what the one before it may."""

    VIEWER = "viewer", "Viewer: sees everything, changes nothing"
    OPERATOR = "operator", "Operator: runs and changes everybody's work and the schedules"
    ADMINISTRATOR = "administrator", "Administrator: also users, groups and API keys"


def grants(role: Role, app: str, codename: str) -> bool:
    """Return whether a role has a permission.

    Args:
        app: the label of the permission's application.
        codename: such as ``view_task``.
    """
    if role == Role.ADMINISTRATOR or codename.startswith("view_"):
        return True
    return role == Role.OPERATOR and (app in OPERATED_APPS or (app, codename) == ("accounts", OPERATE_CODENAME))


def complete_roles(using: str = "default", **_: Any) -> None:
    """Make the groups that are missing, and give each what it lacks of the table; called after every migration."""
    links = Group.permissions.through
    known = list(Permission.objects.using(using).values_list("pk", "content_type__app_label", "codename"))
    with transaction.atomic(using=using):
        groups = {role: Group.objects.using(using).get_or_create(name=role.value)[0] for role in Role}
        present = set(
            links._default_manager.using(using)
            .filter(group__in=groups.values())
            .values_list("group_id", "permission_id")
        )
        missing = [
            links(group_id=group.pk, permission_id=pk)
            for role, group in groups.items()
            for pk, app, codename in known
            if (group.pk, pk) not in present and grants(role, app, codename)
        ]
        links._default_manager.using(using).bulk_create(missing, ignore_conflicts=True)


def operates(user: User) -> bool:
    """Return whether this caller may start, cancel, retry and change what others own.

    Superusers may, the built-in user ``local`` may, and staff who have the permission ``accounts.operate`` from their
    role, another group or directly. Staff without it see everything and change nothing, in the console and over HTTP.
    """
    if not (user.is_active and user.is_staff):
        return False
    if user.is_superuser or user.is_local:
        return True
    known: bool | None = user.__dict__.get("_operates")
    if known is None:
        # One row instead of the two hundred that has_perm() reads: every writing request of staff asks this.
        asked = Permission.objects.filter(content_type__app_label="accounts", codename=OPERATE_CODENAME)
        known = asked.filter(Q(group__user=user) | Q(user=user)).exists()
        user.__dict__["_operates"] = known
    return known


def only_looks(user: User) -> bool:
    """Return whether this caller is staff who may change nothing: a viewer."""
    return user.is_staff and not operates(user)


def role_of(user: User) -> Role | None:
    """Return the highest ready role of a user; None without one. Uses ``groups`` where they were prefetched."""
    names = {group.name for group in user.groups.all()}
    return next((role for role in reversed(Role) if role.value in names), None)


def give_role(user: User, role: Role | None) -> bool:
    """Put a user into a role's group and out of the others'; other groups stay. Return whether that changed anything.

    Args:
        role: None for no role at all.
    """
    ready = {group.name: group for group in Group.objects.filter(name__in=Role.values)}
    if role is not None and role.value not in ready:  # Somebody deleted the group.
        complete_roles()
        ready[role.value] = Group.objects.get(name=role.value)
    present = set(user.groups.filter(name__in=Role.values).values_list("name", flat=True))
    wanted = {role.value} if role is not None else set()
    user.groups.remove(*(ready[name] for name in present - wanted))
    user.groups.add(*(ready[name] for name in wanted - present))
    user.__dict__.pop("_operates", None)
    return present != wanted


def rights_of(user: User) -> frozenset[str]:
    """Return all permissions of a user, as ``app.codename``."""
    return frozenset(user.get_all_permissions())


def may_grant(actor: User, permissions: Iterable[str]) -> bool:
    """Return whether somebody may hand out these permissions: nobody gives more than he has."""
    return actor.is_superuser or set(permissions) <= rights_of(actor)


def may_manage(actor: User, target: User) -> bool:
    """Return whether somebody may change another user: never one who may more than he himself.

    Else a new password for the stronger one would be a way to his rights.
    """
    if actor.is_superuser or actor.pk == target.pk:
        return True
    return not target.is_superuser and may_grant(actor, rights_of(target))
