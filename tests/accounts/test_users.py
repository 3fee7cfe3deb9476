"""Users, ``manage.py ensure_user`` and the audit log."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from pixtasks.accounts.models import LOCAL_EMAIL, AuditEntry, User
from pixtasks.accounts.roles import Role, operates, role_of
from pixtasks.accounts.services.audit import audit
from pixtasks.accounts.services.users import create_api_key, ensure_user, local_user, revoke_api_key
from pixtasks.common.errors import InvalidInput, NotFound, RuleViolation
from tests.accounts.factories import PASSWORD, make_key, make_user

pytestmark = pytest.mark.django_db


def _ensure(*arguments: str) -> str:
    out = io.StringIO()
    call_command("ensure_user", *arguments, stdout=out)
    return out.getvalue().strip()


def test_an_address_is_unique_whatever_its_case() -> None:
    user = make_user(email="Ann@Example.com")
    assert user.email == "ann@example.com"
    assert User.objects.get_by_natural_key(" ANN@example.com") == user
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(email="aNN@example.com")
    # Also for rows that were written past the model.
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email="ANN@example.com")])


def test_a_user_needs_an_address() -> None:
    with pytest.raises(ValueError, match="email address"):
        User.objects.create_user("")


def test_the_command_makes_a_user_and_changes_nothing_the_second_time() -> None:
    assert _ensure("--email", "New@Example.com", "--password", PASSWORD) == "new@example.com: created (user)"
    assert _ensure("--email", "new@example.com", "--password", PASSWORD) == "new@example.com: unchanged (user)"
    assert [entry.action for entry in AuditEntry.objects.all()] == ["user.created"]
    assert User.objects.get().check_password(PASSWORD)


def test_the_command_brings_a_user_to_the_wanted_state() -> None:
    user = make_user(email="ann@example.com", is_active=False)
    _ensure("--email", "ann@example.com", "--password", "another correct horse", "--staff")
    user.refresh_from_db()
    assert user.check_password("another correct horse")
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, True, True)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.origin, entry.actor) == ("user.updated", "command", None)
    assert "@" in entry.actor_name and entry.detail["command"] == "ensure_user"
    assert set(entry.detail["changed"]) == {"password", "is_staff", "is_active"}
    assert "horse" not in str(entry.detail)


def test_without_staff_the_role_stays() -> None:
    make_user(email="ann@example.com", is_staff=True, is_superuser=True)
    assert _ensure("--email", "ann@example.com") == "ann@example.com: unchanged (staff)"


def test_the_password_may_come_from_the_environment_or_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXTASKS_PASSWORD", PASSWORD)
    _ensure("--email", "one@example.com")
    monkeypatch.setattr("sys.stdin", io.StringIO("another correct horse\n"))
    _ensure("--email", "two@example.com", "--password", "-")
    assert User.objects.get(email="one@example.com").check_password(PASSWORD)
    assert User.objects.get(email="two@example.com").check_password("another correct horse")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--email", "nonsense", "--password", PASSWORD), "valid email"),
        (("--email", "a@example.com", "--password", "123"), "too short"),
        (("--email", "a@example.com"), "needs a password"),
        (("--email", LOCAL_EMAIL, "--password", PASSWORD), "cannot sign in"),
    ],
)
def test_what_is_not_acceptable_is_said_and_nothing_is_written(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        _ensure(*arguments)
    assert not User.objects.exists()


def test_the_service_raises_the_domains_errors() -> None:
    with pytest.raises(InvalidInput):
        ensure_user(email="nonsense", password=PASSWORD)
    with pytest.raises(RuleViolation):
        ensure_user(email=LOCAL_EMAIL, password=PASSWORD)


def test_the_local_user_is_made_once() -> None:
    assert local_user().pk == local_user().pk
    assert User.objects.count() == 1


def test_an_entry_outlives_its_actor() -> None:
    user = make_user()
    audit(
        "task.cancelled", actor=user, object_type="task", object_id=5, detail={"at": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    email = user.email
    user.delete()
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.actor_name, entry.object_id) == (None, email, "5")
    assert entry.detail == {"at": "2026-01-01T00:00:00Z"}
    assert str(entry) == f"{email} task.cancelled task 5"


def test_what_is_rolled_back_is_not_in_the_log() -> None:
    def cancel_and_fail() -> None:
        with transaction.atomic():
            audit("x", actor=None, target=make_user())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cancel_and_fail()
    assert not AuditEntry.objects.exists()


def test_keys_are_audited_without_their_secret_and_revoked_once() -> None:
    owner, admin = make_user(), make_user()
    key, text = create_api_key(owner=owner, name="ci", scopes=["worker", "worker"], actor=admin, address="192.0.2.1")
    assert key.scopes == ["worker"]
    revoke_api_key(key=key, actor=admin)
    revoke_api_key(key=key, actor=admin)
    entries = list(AuditEntry.objects.order_by("pk"))
    assert [(entry.action, entry.actor) for entry in entries] == [("apikey.created", admin), ("apikey.revoked", admin)]
    assert text.split(".")[1] not in str([entry.detail for entry in entries])


def test_a_deleted_key_cannot_be_revoked() -> None:
    key, _ = make_key(make_user())
    type(key).objects.all().delete()
    with pytest.raises(NotFound):
        revoke_api_key(key=key, actor=None)


@pytest.mark.parametrize("role", Role)
def test_the_command_gives_and_takes_roles(role: Role) -> None:
    said = io.StringIO()
    call_command("ensure_user", email="eve@example.com", password=PASSWORD, role=role.value, stdout=said)
    user = User.objects.get(email="eve@example.com")
    assert (user.is_staff, user.is_superuser, role_of(user)) == (True, False, role)
    assert operates(user) == (role != Role.VIEWER)
    call_command("ensure_user", email="eve@example.com", role=role.value, stdout=said)
    call_command("ensure_user", email="eve@example.com", role="none", stdout=said)
    user = User.objects.get(pk=user.pk)
    assert (user.is_staff, role_of(user), operates(user)) == (False, None, False)
    assert said.getvalue().splitlines() == [
        f"eve@example.com: created ({role.value})",
        f"eve@example.com: unchanged ({role.value})",
        "eve@example.com: updated (user)",
    ]
