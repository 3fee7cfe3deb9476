"""Users, API keys and audit entries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework_api_key.models import AbstractAPIKey, BaseAPIKeyManager

LOCAL_EMAIL = "local@localhost"
"""The address of the built-in user ``local`` (CONTRACT X07, X67)."""
OPERATE_CODENAME = "operate"
"""The permission ``accounts.operate``; see ``roles.py``."""


class UserManager(BaseUserManager["User"]):
    """Makes and finds users; addresses are compared without regard to case."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user of that address, whatever its case.

        Raises:
            User.DoesNotExist: there is none.
        """
        return self.get(email=normalise_email(username or ""))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Insert a user. Without a password nobody can sign in as this user.

        Raises:
            ValueError: the address is empty.
        """
        if not email:
            raise ValueError("a user needs an email address")
        user = self.model(email=normalise_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Insert a user who may do everything in the console."""
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})


def normalise_email(email: str) -> str:
    """Return the address as it is stored: without surrounding blanks, in lower case."""
    return email.strip().lower()


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who calls the product; the email address signs in."""

    email = models.EmailField("email address", unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True, help_text="Switch this off instead of deleting a user.")
    is_staff = models.BooleanField(default=False, help_text="Sees everybody's objects and the console.")
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    sign_in_salt = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    """A new value ends every session and every access token of the user."""

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = "user"
        verbose_name_plural = "users"
        ordering = ("email",)
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_case"),)
        permissions = ((OPERATE_CODENAME, "May start, cancel, retry and change what others own"),)

    def __str__(self) -> str:
        return self.get_short_name()

    @property
    def is_local(self) -> bool:
        """Whether this is the built-in user ``local``, the caller without credentials."""
        return self.email == LOCAL_EMAIL

    def clean(self) -> None:
        """Normalise the address."""
        super().clean()
        self.email = normalise_email(self.email)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the address normalised, so that looking up by equality finds it."""
        self.email = normalise_email(self.email)
        super().save(*args, **kwargs)

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Return what sessions and tokens are compared with: Django's, and what "sign out everywhere" changes."""
        known: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]
        if not self.sign_in_salt:
            return known
        return salted_hmac("pixtasks.accounts.sign_in", known + self.sign_in_salt, algorithm="sha256").hexdigest()

    def get_short_name(self) -> str:
        """Return the name shown in lists: ``local`` for the built-in user, else the address."""
        return "local" if self.is_local else self.email


class ApiKeyManager(BaseAPIKeyManager):
    """Makes keys with a number as primary key: the library's holds the hash, which would show in console URLs."""

    def create_key(self, **kwargs: Any) -> tuple[ApiKey, str]:
        """Insert a key; return it and the text to send, which is stored nowhere."""
        key: ApiKey
        text: str
        key, text = super().create_key(**kwargs)  # type: ignore[assignment]
        return key, text

    def assign_key(self, obj: AbstractAPIKey) -> str:
        """Give the row a new prefix and hash; return the key itself, which is stored nowhere."""
        key, prefix, hashed_key = self.key_generator.generate()
        obj.prefix = prefix
        obj.hashed_key = hashed_key
        return key


class Scope(models.TextChoices):
    """What a key may do beyond its owner's rights, or less than them."""

    READ = "read", "read: may look at everything its owner sees, and change nothing"
    WORKER = "worker", "worker: may claim everybody's tasks"


class ApiKey(AbstractAPIKey):
    """A key that acts as its owner; sent as ``X-API-Key``, stored as a hash."""

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    scopes = models.JSONField(default=list, blank=True, help_text="What it may do beyond its owner's rights, or less.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[ApiKeyManager] = ApiKeyManager()  # type: ignore[assignment]

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def has_scope(self, scope: str) -> bool:
        """Whether the key was given that scope."""
        return scope in self.scopes


class Origin(models.TextChoices):
    """What an entry of the audit log came through."""

    CONSOLE = "console", "console"
    API = "api", "API"
    PAGES = "pages", "web interface"
    COMMAND = "command", "command"
    SYSTEM = "system", "system"


class AuditEntry(models.Model):
    """Who did what to which object, from where; rows are only ever inserted."""

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="audit_entries", db_index=False
    )
    actor_name = models.CharField(
        max_length=254, help_text="The actor's address, which outlives the user; of a command the account it ran under."
    )
    origin = models.CharField(
        max_length=10, choices=Origin.choices, default=Origin.SYSTEM, db_default=Origin.SYSTEM.value
    )
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=128, blank=True)
    detail = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["object_id", "object_type"], name="audit_by_object_id"),
            models.Index(fields=["object_type", "id"], name="audit_by_kind"),
            models.Index(fields=["actor", "id"], name="audit_by_actor"),
            models.Index(fields=["action", "id"], name="audit_by_action"),
            models.Index(fields=["origin", "id"], name="audit_by_origin"),
        )

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_type} {self.object_id}".rstrip()


class IdempotencyRecord(models.Model):
    """A request that came with an ``Idempotency-Key``, and what it was answered; see ``services/idempotency.py``."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="idempotency_records", db_index=False
    )
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=300)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="sha256 of path, query and body.")
    holder = models.UUIDField(help_text="Who carries the request out; whoever takes it over changes it.")
    held_since = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True, help_text="Empty while the request is being carried out.")
    body = models.TextField(blank=True, help_text="The answer, as it was sent.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "idempotency record"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=["user", "method", "path", "key"], name="idempotency_key_per_request"),
        )
        indexes = (models.Index(fields=["user", "created_at"], name="idempotency_by_age"),)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.key}"
