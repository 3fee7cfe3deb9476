"""API keys: made, shown once, used in every dialect, limited by scope and time, revoked."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from pixtasks.accounts.models import ApiKey, AuditEntry, IdempotencyRecord, User
from pixtasks.accounts.roles import Role
from tests import factories
from tests.accounts.factories import make_key, make_user, sign_in
from tests.document import many_requests, operations_of, rounds, turns

pytestmark = pytest.mark.django_db
KEYS = "/api/v1/api-keys"
ME = "/api/v1/auth/me"
READ_ROUTES = ["/api/v1/projects", "/api/celery/stats", "/api/tasks", "/tasks", "/api/webhooks/endpoints"]


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def client(owner: User) -> APIClient:
    return factories.client_of(owner)


@pytest.fixture
def staff() -> APIClient:
    return factories.client_of(make_user(is_staff=True, role=Role.ADMINISTRATOR))


def with_key(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=text)
    return client


def post(client: APIClient, body: dict[str, Any], status: int = 201, **headers: str) -> Any:
    response = client.post(KEYS, body, format="json", headers=headers)
    assert response.status_code == status, response.content
    return response.json()


def test_a_key_is_shown_once_and_stored_as_a_hash_only(client: APIClient, owner: User) -> None:
    response = client.post(KEYS, {"name": "  nightly   export "}, format="json")
    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    made = response.json()
    text = made.pop("key")
    assert text.startswith(made["prefix"] + ".")
    assert made == {
        "id": made["id"],
        "name": "nightly export",
        "prefix": made["prefix"],
        "owner": owner.email,
        "scopes": [],
        "revoked": False,
        "expired": False,
        "created_at": made["created_at"],
        "expires_at": None,
        "last_used_at": None,
    }
    assert client.get(f"{KEYS}/{made['id']}").json() == made
    assert client.get(KEYS).json() == {"items": [made], "total": 1, "page": 1, "page_size": 50}
    secret = text.split(".")[1]
    assert secret not in str(list(ApiKey.objects.values()))
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("path", READ_ROUTES)
def test_a_new_key_opens_every_dialect(client: APIClient, settings: Settings, path: str) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    key = post(client, {"name": "all"})["key"]
    assert APIClient().get(path).status_code == 401
    assert with_key(key).get(path).status_code == 200
    assert with_key(key + "x").get(path).status_code == 401


def test_the_last_use_is_shown(client: APIClient) -> None:
    made = post(client, {"name": "used"})
    assert with_key(made["key"]).get(ME).status_code == 200
    assert client.get(f"{KEYS}/{made['id']}").json()["last_used_at"] is not None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/projects", {"name": "new"}),
        ("/api/celery/tasks/launch", {"task_type": "tasktypes.example", "params": {}}),
        ("/api/tasks", {"task_type_id": 1, "parameters": {}}),
        ("/tasks", {"task_name": "x", "task_payload": {}}),
        ("/api/webhooks/endpoints", {"url": "https://hooks.example.com/"}),
        (KEYS, {"name": "another"}),
        ("/api/v1/auth/logout", {}),
    ],
)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_key_that_reads_changes_nothing_in_any_dialect(
    owner: User, settings: Settings, path: str, body: dict[str, Any], method: str
) -> None:
    settings.PIXTASKS_ANONYMOUS_API = True
    _, text = make_key(owner, "read")
    refused = getattr(with_key(text), method)(path, body, format="json")
    assert (refused.status_code, "scope read" in str(refused.json())) == (403, True)


@pytest.mark.parametrize("path", READ_ROUTES)
def test_a_key_that_reads_reads(owner: User, path: str) -> None:
    _, text = make_key(owner, "read")
    assert with_key(text).get(path).status_code == 200


def test_an_expired_key_is_refused_and_says_so_in_the_list(client: APIClient) -> None:
    end = timezone.now() + timedelta(hours=1)
    made = post(client, {"name": "short", "expires_at": end.isoformat()})
    assert with_key(made["key"]).get(ME).status_code == 200
    ApiKey.objects.filter(pk=made["id"]).update(expiry_date=timezone.now() - timedelta(seconds=1))
    refused = with_key(made["key"]).get(ME)
    assert (refused.status_code, refused.json()["detail"]) == (401, "The API key has expired")
    assert client.get(f"{KEYS}/{made['id']}").json()["expired"] is True


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "name"]),
        ({"name": ""}, ["body", "name"]),
        ({"name": "x" * 51}, ["body", "name"]),
        ({"name": "x", "scopes": ["admin"]}, ["body", "scopes", 0]),
        ({"name": "x", "scopes": ["read", "worker"]}, ["body", "scopes"]),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, ["body", "expires_at"]),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59-14:00"}, ["body", "expires_at"]),
        ({"name": "x", "expires_at": "2099-01-01T00:00:00"}, ["body", "expires_at"]),
        ({"name": "x", "expires_at": 4102444800}, ["body", "expires_at"]),
        ({"name": "x", "revoked": True}, ["body", "revoked"]),
    ],
)
def test_what_is_wrong_is_named_and_no_key_is_made(client: APIClient, body: dict[str, Any], loc: list[Any]) -> None:
    assert post(client, body, 422)["detail"][0]["loc"] == loc
    assert not ApiKey.objects.exists()


def test_only_staff_grant_worker_and_make_keys_for_others(client: APIClient, staff: APIClient, owner: User) -> None:
    post(client, {"name": "w", "scopes": ["worker"]}, 403)
    post(client, {"name": "theirs", "owner": make_user().email}, 403)
    assert post(client, {"name": "mine", "owner": owner.email.upper()})["owner"] == owner.email
    made = post(staff, {"name": "w", "scopes": ["worker"], "owner": owner.email})
    assert (made["owner"], made["scopes"]) == (owner.email, ["worker"])
    assert with_key(made["key"]).get(ME).json()["email"] == owner.email
    fault = post(staff, {"name": "x", "owner": "nobody@example.com"}, 422)["detail"][0]
    assert fault["loc"] == ["body", "owner"]


def test_a_key_neither_makes_nor_changes_keys_and_revokes_itself_alone(client: APIClient) -> None:
    first = post(client, {"name": "first"})
    second = post(client, {"name": "second"})
    key = with_key(first["key"])
    assert "sign in" in post(key, {"name": "third"}, 403)["detail"]
    assert key.patch(f"{KEYS}/{first['id']}", {"expires_at": None}, format="json").status_code == 403
    assert key.delete(f"{KEYS}/{second['id']}").status_code == 403
    assert key.delete(f"{KEYS}/{first['id']}").status_code == 204
    assert key.get(ME).status_code == 401
    assert with_key(second["key"]).get(ME).status_code == 200


def test_what_is_sent_is_changed_and_the_rest_stays(client: APIClient) -> None:
    made = post(client, {"name": "old", "expires_at": "2090-01-01T00:00:00+01:00"})
    assert made["expires_at"] == "2089-12-31T23:00:00Z"
    path = f"{KEYS}/{made['id']}"
    assert client.patch(path, {"name": "new"}, format="json").json()["expires_at"] == "2089-12-31T23:00:00Z"
    changed = client.patch(path, {"expires_at": None}, format="json").json()
    assert (changed["name"], changed["expires_at"]) == ("new", None)
    client.patch(path, {"name": "new"}, format="json")
    assert AuditEntry.objects.filter(action="apikey.changed").count() == 2
    assert client.patch(path, {"scopes": ["read"]}, format="json").status_code == 422
    assert with_key(made["key"]).get(ME).status_code == 200


def test_a_revoked_key_is_refused_and_its_row_stays_for_the_audit_log(client: APIClient, owner: User) -> None:
    made = post(client, {"name": "leaked"})
    for _ in range(2):
        assert client.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert with_key(made["key"]).get(ME).status_code == 401
    assert client.get(f"{KEYS}/{made['id']}").json()["revoked"] is True
    assert client.patch(f"{KEYS}/{made['id']}", {"name": "again"}, format="json").status_code == 400
    entries = AuditEntry.objects.filter(object_type="accounts.apikey", object_id=str(made["id"])).order_by("id")
    assert [(entry.action, entry.actor, entry.address) for entry in entries] == [
        ("apikey.created", owner, "127.0.0.1"),
        ("apikey.revoked", owner, "127.0.0.1"),
    ]


def test_somebody_elses_key_is_403_and_not_listed_but_staff_see_all(
    client: APIClient, staff: APIClient, owner: User
) -> None:
    theirs, text = make_key(make_user())
    path = f"{KEYS}/{theirs.pk}"
    for response in (client.get(path), client.patch(path, {"name": "x"}, format="json"), client.delete(path)):
        assert (response.status_code, response.json()["detail"]) == (403, "Access denied to this resource")
    assert client.get(KEYS).json()["total"] == 0
    assert staff.get(KEYS).json()["items"][0]["id"] == theirs.pk
    assert staff.delete(path).status_code == 204
    assert with_key(text).get(ME).status_code == 401
    for missing in (theirs.pk + 1, 2**63):
        assert client.get(f"{KEYS}/{missing}").status_code == 404


def test_without_credentials_it_is_401_even_where_the_anonymous_api_is_on(settings: Settings) -> None:
    settings.PIXTASKS_ANONYMOUS_API = True
    assert APIClient().get(KEYS).status_code == 401
    assert APIClient().post(KEYS, {"name": "x"}, format="json").status_code == 401


def test_a_session_of_the_console_makes_keys_with_a_csrf_token_only(owner: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert browser.post(KEYS, {"name": "x"}, content_type="application/json").status_code == 403
    browser.get("/admin/login/")
    headers = {"x-csrftoken": browser.cookies["csrftoken"].value}
    made = browser.post(KEYS, {"name": "x"}, content_type="application/json", headers=headers)
    assert made.status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_repeated_request_makes_one_key_and_never_shows_it_again(client: APIClient) -> None:
    first = post(client, {"name": "once"}, **{"idempotency-key": "k1"})
    again = client.post(KEYS, {"name": "once"}, format="json", headers={"idempotency-key": "k1"})
    assert (again.status_code, again["Idempotency-Replayed"], again["Cache-Control"]) == (201, "true", "no-store")
    assert again.json() == {**first, "key": None}
    assert ApiKey.objects.count() == 1
    assert first["key"].split(".")[1] not in str(list(IdempotencyRecord.objects.values()))


def test_lists_are_cut_into_pages_at_a_fixed_number_of_queries(
    client: APIClient, owner: User, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        make_key(owner)
    client.get(KEYS)
    with django_assert_num_queries(4) as few:
        page = client.get(f"{KEYS}?page=2&page_size=2").json()
    assert (len(page["items"]), page["total"], page["page"], page["page_size"]) == (1, 3, 2, 2)
    for _ in range(5):
        make_key(owner)
    with django_assert_num_queries(len(few)):
        client.get(KEYS)
    assert client.get(f"{KEYS}?page_size=101").status_code == 422


def run(*args: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_api_key", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_prints_the_key_alone_on_standard_output(owner: User) -> None:
    out, err = run("--email", owner.email, "--name", "ci", "--scope", "worker", "--expires", "30d")
    assert re.fullmatch(r"\w{8}\.\w{32}\n", out)
    key = ApiKey.objects.get()
    assert (key.owner, key.name, key.scopes) == (owner, "ci", ["worker"])
    assert key.expiry_date is not None
    assert timedelta(days=29) < key.expiry_date - timezone.now() < timedelta(days=31)
    assert key.prefix in err and out.strip() not in err
    assert with_key(out.strip()).get(ME).json()["email"] == owner.email


def test_the_command_takes_a_date_for_the_end(owner: User) -> None:
    run("--email", owner.email, "--name", "ci", "--expires", "2090-01-01")
    assert ApiKey.objects.get().expiry_date.isoformat() == "2090-01-01T00:00:00+00:00"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--email", "nobody@example.com", "--name", "x"], "There is no active user"),
        (["--name", " "], "--name"),
        (["--name", "x", "--expires", "soon"], "--expires"),
        (["--name", "x", "--expires", "2001-01-01"], "future"),
        (["--name", "x", "--expires", "99999w"], "--expires|future"),
        (["--name", "x", "--scope", "read", "worker"], "choose read or worker"),
        (["--name", "x", "--scope", "admin"], "invalid choice"),
    ],
)
def test_the_command_says_what_is_wrong(owner: User, args: list[str], words: str) -> None:
    given = args if "--email" in args else ["--email", owner.email, *args]
    with pytest.raises(CommandError, match=words):
        run(*given)
    assert not ApiKey.objects.exists()


def test_the_console_refuses_scopes_that_exclude_each_other() -> None:
    boss = make_user(is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(boss)
    data = {"owner": boss.pk, "name": "both", "scopes": ["read", "worker"]}
    shown = browser.post("/admin/accounts/apikey/add/", data)
    assert (shown.status_code, b"choose read or worker" in shown.content) == (200, True)
    assert not ApiKey.objects.exists()


@pytest.fixture
def token(owner: User, settings: Settings) -> Iterator[str]:
    """A token; many requests share the test's transaction and none is limited."""
    signed_in = sign_in(owner)["access_token"]
    with many_requests(settings):
        yield signed_in


@operations_of(r"^/api/v1/api-keys")
@rounds(20)
def test_the_product_answers_as_the_document_says(case: Any, owner: User, token: str) -> None:
    """Whatever is sent: no 5xx, no status, type or body that is not documented."""
    excluded = [ignored_auth, positive_data_acceptance]
    if next(turns) % 2:
        excluded.append(negative_data_rejection)
        case.path_parameters = dict.fromkeys(case.path_parameters or {}, make_key(owner)[0].pk)
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    case.validate_response(response, excluded_checks=excluded)
