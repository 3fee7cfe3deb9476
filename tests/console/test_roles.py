"""The three roles: what each sees and may, that nobody gives more than he has, and signing out everywhere."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from pixtasks.accounts.models import ApiKey, AuditEntry, User
from pixtasks.accounts.roles import Role, complete_roles, grants, may_manage, operates, role_of
from pixtasks.accounts.services import people
from pixtasks.accounts.services.users import local_user
from pixtasks.common.errors import AccessDenied, RuleViolation
from tests.accounts.factories import PASSWORD, bearer, make_key, make_user, sign_in
from tests.attack.routes import console_patterns
from tests.attack.world import build, snapshot

pytestmark = pytest.mark.django_db


def client_of(role: Role | None, **fields: object) -> tuple[Client, User]:
    user = make_user(is_staff=True, role=role, **fields)
    client = Client()
    client.force_login(user)
    return client, user


def test_migrating_makes_the_roles_and_each_may_what_the_one_before_it_may() -> None:
    rights = {
        role: set(Permission.objects.filter(group__name=role.value).values_list("content_type__app_label", "codename"))
        for role in Role
    }
    assert rights[Role.VIEWER] < rights[Role.OPERATOR] < rights[Role.ADMINISTRATOR]
    assert {name.partition("_")[0] for _, name in rights[Role.VIEWER]} == {"view"}
    assert ("accounts", "operate") in rights[Role.OPERATOR]
    assert not [name for app, name in rights[Role.OPERATOR] if app == "accounts" and not name.startswith("view_")][1:]
    assert all(grants(role, *each) for role in Role for each in rights[role])


def test_migrating_again_adds_what_is_missing_and_takes_nothing_away() -> None:
    viewer = Group.objects.get(name="viewer")
    extra = Permission.objects.get(codename="change_project")
    viewer.permissions.add(extra)
    viewer.permissions.remove(Permission.objects.get(codename="view_task"))
    Group.objects.get(name="operator").delete()
    complete_roles()
    names = set(viewer.permissions.values_list("codename", flat=True))
    assert {"change_project", "view_task"} <= names
    assert Group.objects.get(name="operator").permissions.filter(codename="operate").exists()


@pytest.mark.parametrize(
    ("role", "may"), [(None, False), (Role.VIEWER, False), (Role.OPERATOR, True), (Role.ADMINISTRATOR, True)]
)
def test_who_operates(role: Role | None, may: bool) -> None:
    user = make_user(is_staff=True, role=role)
    assert operates(user) == user.has_perm("accounts.operate") == may
    user.is_active = False
    assert not operates(user)


def test_local_and_superusers_operate_and_users_do_not() -> None:
    assert operates(local_user())
    assert operates(make_user(is_staff=True, is_superuser=True))
    assert not operates(make_user())


def test_a_viewer_opens_every_list_and_changes_nothing_by_any_route() -> None:
    world = build()
    client, _ = client_of(Role.VIEWER)
    before = snapshot()
    opened = 0
    for path, pattern in console_patterns():
        if pattern.name in {"login", "logout", "jsi18n", "password_change"} or not path.startswith("/admin/"):
            continue
        place = re.sub(r"\{\w+\}|\(\?P<\w+>[^)]*\)|\(\?:[^)]*\)|\\Z|\$", "1", path)
        if pattern.name and pattern.name.endswith("_changelist"):
            assert client.get(place).status_code == 200, place
            opened += 1
        for data in ({"confirmed": "yes"}, {"post": "yes", "verb": "pause", "_form_submitted": "True"}):
            answer = client.post(place, data)
            assert answer.status_code < 500, place
    assert opened > 25
    assert world.owner is not None
    after = snapshot()
    ignored = {"accounts.AuditEntry"}
    assert [label for label in before if label not in ignored and before[label] != after[label]] == []


def test_an_operator_manages_no_users_groups_or_keys() -> None:
    client, _ = client_of(Role.OPERATOR)
    victim = make_user()
    key, _ = make_key(victim)
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == 200
    for name, arguments in (
        ("accounts_user_add", []), ("accounts_user_change", [victim.pk]), ("accounts_apikey_add", []),
        ("accounts_apikey_revoke_this", [key.pk]), ("accounts_user_sign_out_everywhere", [victim.pk]),
        ("auth_group_add", []),
    ):  # fmt: skip
        url = reverse(f"admin:{name}", args=arguments)
        assert client.post(url, {"_form_submitted": "True"}).status_code == 403, name
    assert not ApiKey.objects.get().revoked


def test_an_administrator_makes_users_but_no_superusers_and_changes_none() -> None:
    client, _ = client_of(Role.ADMINISTRATOR)
    boss = make_user(is_staff=True, is_superuser=True)
    add = reverse("admin:accounts_user_add")
    sent = {"email": "eve@example.com", "name": "Eve", "password": "", "standing": "administrator"}
    shown = client.post(add, sent, follow=True).content.decode()
    found = re.search(r"The password of eve@example.com is (\S+) ", shown)
    assert found
    eve = User.objects.get(email="eve@example.com")
    assert eve.check_password(found[1]) and role_of(eve) == Role.ADMINISTRATOR and not eve.is_superuser
    refused = client.post(add, {**sent, "email": "mallory@example.com", "standing": "superuser", "is_superuser": "on"})
    assert refused.status_code == 200
    assert not User.objects.filter(email="mallory@example.com").exists()
    page = reverse("admin:accounts_user_change", args=[boss.pk])
    assert client.post(page, {"email": "x@example.com", "standing": "user"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[boss.pk])
    new = {"usable_password": "true", "password1": "another horse 77", "password2": "another horse 77"}
    assert client.post(password, new).status_code == 403
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD) and boss.is_superuser
    own = reverse("admin:accounts_user_change", args=[eve.pk])
    other = {"email": eve.email, "name": "Eve", "is_active": "on", "standing": "viewer", "user_permissions": ["1"]}
    assert client.post(own, {**other, "is_superuser": "on"}).status_code == 302
    eve = User.objects.get(pk=eve.pk)
    assert (role_of(eve), eve.is_superuser, eve.user_permissions.count()) == (Role.VIEWER, False, 0)


def test_whoever_may_change_users_alone_gives_no_role_that_may_more() -> None:
    clerk = make_user(is_staff=True, role=None)
    group = Group.objects.create(name="front desk")
    group.permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user", "add_user"]))
    clerk.groups.add(group)
    clerk = User.objects.get(pk=clerk.pk)
    assert may_manage(clerk, make_user())
    assert not may_manage(clerk, make_user(is_staff=True, role=Role.VIEWER))
    for standing in (*Role.values, people.SUPERUSER):
        with pytest.raises(AccessDenied):
            people.new_user(email="x@example.com", standing=standing, actor=clerk)
    with pytest.raises(AccessDenied):
        people.new_user(email="x@example.com", groups=[Group.objects.get(name="operator")], actor=clerk)
    user, made = people.new_user(email="x@example.com", actor=clerk)
    assert made and user.check_password(made)


def test_nobody_locks_himself_out() -> None:
    boss = make_user(is_staff=True, is_superuser=True)
    facts = {"email": boss.email, "name": "", "groups": [], "actor": boss}
    with pytest.raises(RuleViolation):
        people.change_user(boss, is_active=False, standing=people.SUPERUSER, **facts)  # type: ignore[arg-type]
    with pytest.raises(RuleViolation):
        people.change_user(boss, is_active=True, standing=people.USER, **facts)  # type: ignore[arg-type]


def test_signing_out_everywhere_ends_sessions_and_tokens_and_is_audited() -> None:
    administrator, actor = client_of(Role.ADMINISTRATOR)
    user = make_user(is_staff=True, role=Role.VIEWER)
    token = bearer(sign_in(user)["access_token"])
    theirs = Client()
    theirs.force_login(user)
    assert theirs.get("/admin/").status_code == 200
    action = reverse("admin:accounts_user_sign_out_everywhere", args=[user.pk])
    assert administrator.get(action).status_code == 200
    assert theirs.get("/admin/").status_code == 200  # Asking has done nothing.
    assert "HX-Redirect" in administrator.post(action, {"_form_submitted": "True"}).headers
    assert theirs.get("/admin/").status_code == 302
    assert Client().get("/api/v1/auth/me", headers=token).status_code == 401
    again = bearer(sign_in(user)["access_token"])
    assert Client().get("/api/v1/auth/me", headers=again).status_code == 200
    entry = AuditEntry.objects.get(action="user.signed_out_everywhere")
    assert (entry.actor, entry.origin, entry.object_id) == (actor, "console", str(user.pk))


def test_switching_a_user_off_ends_everything_of_his() -> None:
    boss = make_user(is_staff=True, is_superuser=True)
    user = make_user()
    _, key = make_key(user)
    token = bearer(sign_in(user)["access_token"])
    facts = {"email": user.email, "name": "", "groups": [], "standing": people.USER, "actor": boss}
    people.change_user(user, is_active=False, **facts)  # type: ignore[arg-type]
    for headers in (token, {"x-api-key": key}):
        assert Client().get("/api/v1/auth/me", headers=headers).status_code == 401
    people.change_user(user, is_active=True, **facts)  # type: ignore[arg-type]
    assert Client().get("/api/v1/auth/me", headers=token).status_code == 401  # Old tokens stay ended.
    assert Client().get("/api/v1/auth/me", headers={"x-api-key": key}).status_code == 200
    words = set(AuditEntry.objects.filter(object_type="accounts.user").values_list("action", flat=True))
    assert {"user.deactivated", "user.activated"} <= words


def test_the_roles_stay_as_they_are_and_own_groups_hold_what_their_maker_has() -> None:
    client, _ = client_of(Role.ADMINISTRATOR)
    role = Group.objects.get(name="viewer")
    page = reverse("admin:auth_group_change", args=[role.pk])
    shown = client.get(page)
    assert shown.status_code == 200 and b'name="_save"' not in shown.content
    assert client.post(page, {"name": "viewer", "permissions": []}).status_code == 403
    assert client.post(reverse("admin:auth_group_delete", args=[role.pk]), {"post": "yes"}).status_code == 403
    wanted = Permission.objects.get(codename="change_image")
    add = reverse("admin:auth_group_add")
    assert client.post(add, {"name": "curators", "permissions": [wanted.pk]}).status_code == 302
    assert list(Group.objects.get(name="curators").permissions.all()) == [wanted]
    assert AuditEntry.objects.filter(action="group.added").exists()
    assert client.post(add, {"name": "viewer", "permissions": []}).status_code == 200
