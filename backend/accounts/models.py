"""Who asks and who pays: User (a person), Account (who pays), Membership between them, ApiKey (the credential).

Money is not here (metering). Nothing secret is stored in the clear: a key is known by its SHA-256 only.
"""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from backend.core.ids import ID_CHARS_MAX, account_id_make, api_key_id_make


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)  # None: no password works
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.email


class Account(models.Model):
    """Who pays. Limits left empty take the defaults of metering.limits."""

    id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX, default=account_id_make)
    name = models.CharField(max_length=120)
    is_local = models.BooleanField(default=False)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("is_local",), condition=models.Q(is_local=True), name="one_local_account"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Membership(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner"
        MEMBER = "member"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.OWNER)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "account"), name="one_membership_each"),)

    def __str__(self) -> str:
        return f"{self.user_id} in {self.account_id}"


class ApiKey(models.Model):
    class Scope(models.TextChoices):
        INFERENCE = "inference"
        USAGE = "usage"
        JOBS = "jobs"
        ADMIN = "admin"

    id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX, default=api_key_id_make)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="api_keys")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=80)

    secret_sha256 = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=16)  # "sk-svend-Ab1" : what a person recognises
    last4 = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope.choices))
    version = models.PositiveIntegerField(default=1)  # raised by a revocation; the limits script compares it
    monthly_cap_nano_usd = models.BigIntegerField(null=True, blank=True)

    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)  # coarse: to the minute
    last_used_model = models.CharField(max_length=80, blank=True, default="")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(fields=("account", "-created_at"), name="keys_of_account"),)
        constraints = (
            models.CheckConstraint(condition=models.Q(monthly_cap_nano_usd__gte=0), name="key_cap_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.prefix}…{self.last4}"


class WelcomeLink(models.Model):
    """A one-time sign-in link, made at the start for the admin. Only the hash of its token is kept."""

    token_sha256 = models.CharField(primary_key=True, max_length=64)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"link for {self.user_id}"
