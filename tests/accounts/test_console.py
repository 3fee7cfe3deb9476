"""The console's pages of accounts and of the libraries."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from unfold.admin import ModelAdmin

from pixtasks.accounts.models import ApiKey, AuditEntry, User
from pixtasks.accounts.roles import Role, role_of
from pixtasks.accounts.services.users import local_user
from tests.accounts.factories import PASSWORD, make_key, make_user

pytestmark = pytest.mark.django_db

OURS = ["accounts", "auth", "django_celery_beat", "django_celery_results", "token_blacklist"]
reverse("admin:index")  # Whoever reads the routes registers the pages.
REGISTERED = [
    model for label in OURS for model in apps.get_app_config(label).get_models() if admin.site.is_registered(model)
]


@pytest.fixture
def staff() -> User:
    return make_user(email="boss@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def test_every_page_has_the_consoles_look_and_the_librarys_key_is_gone() -> None:
    assert not [model for model, page in admin.site._registry.items() if not isinstance(page, ModelAdmin)]
    assert "rest_framework_api_key" not in {model._meta.app_label for model in admin.site._registry}
    assert len(REGISTERED) >= 12


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_lists_and_forms_open(client: Client, model: type) -> None:
    options = model._meta  # type: ignore[attr-defined]
    names = f"admin:{options.app_label}_{options.model_name}"
    assert client.get(reverse(f"{names}_changelist")).status_code == 200
    page = admin.site.get_model_admin(model)
    adding = client.get(reverse(f"{names}_add"))
    request = adding.wsgi_request
    assert adding.status_code == (200 if page.has_add_permission(request) else 403)


def test_a_user_is_added_and_audited(client: Client, staff: User) -> None:
    data = {"email": "New@Example.com", "name": "", "password": PASSWORD, "standing": "operator"}
    assert client.post(reverse("admin:accounts_user_add"), data).status_code == 302
    user = User.objects.get(email="new@example.com")
    assert user.check_password(PASSWORD)
    assert (user.is_staff, user.is_superuser, role_of(user)) == (True, False, Role.OPERATOR)
    entry = AuditEntry.objects.get(action="user.added")
    assert entry.origin == "console"
    assert (entry.actor, entry.object_id, entry.address) == (staff, str(user.pk), "127.0.0.1")


def test_a_user_is_changed_and_gets_a_new_password(client: Client) -> None:
    user = make_user()
    page = reverse("admin:accounts_user_change", args=[user.pk])
    assert client.get(page).status_code == 200
    sent = {"email": user.email, "name": "Ann", "is_active": "on", "standing": "user"}
    assert client.post(page, sent).status_code == 302
    user.refresh_from_db()
    assert user.name == "Ann"
    password = reverse("admin:auth_user_password_change", args=[user.pk])
    assert client.get(password).status_code == 200
    again = {"usable_password": "true", "password1": "another horse 77", "password2": "another horse 77"}
    assert client.post(password, again).status_code == 302
    user.refresh_from_db()
    assert user.check_password("another horse 77")
    assert AuditEntry.objects.filter(action="user.changed").count() == 2


def test_the_built_in_user_stays_as_it_is_and_nobody_is_deleted(client: Client) -> None:
    user = local_user()
    page = reverse("admin:accounts_user_change", args=[user.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"email": "x@example.com"}).status_code == 403
    assert client.post(reverse("admin:accounts_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 403


def test_a_key_is_shown_once_and_works(client: Client) -> None:
    owner = make_user()
    data = {"owner": owner.pk, "name": "ci", "scopes": ["worker"]}
    shown = client.post(reverse("admin:accounts_apikey_add"), data, follow=True).content.decode()
    found = re.search(r"<textarea[^>]*readonly[^>]*>([^<]+)</textarea>", shown)
    assert found
    key = ApiKey.objects.get()
    assert (key.owner, key.scopes) == (owner, ["worker"])
    response = Client().get("/api/v1/auth/me", headers={"x-api-key": found[1]})
    assert response.json()["email"] == owner.email
    assert found[1] not in client.get(reverse("admin:accounts_apikey_change", args=[key.pk])).content.decode()
    assert AuditEntry.objects.filter(action__startswith="apikey").count() == 1


def test_a_key_is_renamed_and_revoked_but_never_given_away(client: Client) -> None:
    owner = make_user()
    key, text = make_key(owner)
    page = reverse("admin:accounts_apikey_change", args=[key.pk])
    assert client.post(page, {"owner": make_user().pk, "name": "renamed"}).status_code == 302
    key.refresh_from_db()
    assert (key.owner, key.name) == (owner, "renamed")
    revoking = reverse("admin:accounts_apikey_revoke_this", args=[key.pk])
    assert client.get(revoking).status_code == 200  # Asks only.
    assert Client().get("/api/v1/auth/me", headers={"x-api-key": text}).status_code == 200
    assert client.post(revoking, {"_form_submitted": "True"}).headers["HX-Redirect"] == page
    assert Client().get("/api/v1/auth/me", headers={"x-api-key": text}).status_code == 401


@pytest.mark.parametrize("verb", ["change", "delete"])
def test_the_audit_log_cannot_be_changed(client: Client, staff: User, verb: str) -> None:
    entry = AuditEntry.objects.create(actor=staff, actor_name="x", action="y")
    page = reverse(f"admin:accounts_auditentry_{verb}", args=[entry.pk])
    assert client.post(page, {"action": "z", "post": "yes"}).status_code == 403
    shown = client.get(reverse("admin:accounts_auditentry_change", args=[entry.pk]))
    assert shown.status_code == 200
    assert b'name="_save"' not in shown.content


def test_users_without_the_role_see_no_console() -> None:
    client = Client()
    client.force_login(make_user())
    assert client.get("/admin/").status_code == 302


def test_whoever_opens_the_sign_in_page_itself_comes_to_the_console(staff: User) -> None:
    sent = {"username": staff.email, "password": PASSWORD}
    assert Client().post("/admin/login/", sent)["Location"] == "/admin/"
