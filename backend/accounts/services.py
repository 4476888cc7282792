"""Accounts and their keys: make, authenticate, revoke.

Authentication order for a bearer: checksum (no call), Valkey's cached caller (≤ CALLER_CACHE_SECONDS old),
PostgreSQL. A revocation raises the key's version and tells Valkey; the limits script that every metered
request runs compares versions, so it holds at once. With Valkey down, keys are read from PostgreSQL.
"""

import hmac
from typing import Any
from urllib.parse import urlsplit

import structlog
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from redis.exceptions import RedisError

from backend.accounts import api_keys
from backend.accounts.callers import ALL_SCOPES, PERSON_SCOPES, Caller, caller_dump, caller_load
from backend.accounts.models import Account, ApiKey, Membership, User
from backend.accounts.signals import account_created
from backend.core.addresses import address_is_loopback
from backend.core.audit import Area, audit_write
from backend.core.errors import ApplicationError, NotAllowed, NotAuthenticated, NotFound
from backend.core.valkey import valkey

log = structlog.get_logger(__name__)

CALLER_CACHE_SECONDS = 30
REVOCATION_SECONDS = 86_400  # the mark outlives every cached caller
KEYS_PER_ACCOUNT_MAX = 100  # live ones


def caller_cache_key(secret_sha256: str) -> str:
    return f"svend:caller:{secret_sha256}"


def key_version_key(api_key_id: str) -> str:
    """Where Valkey keeps the least version of a key that is still good."""
    return f"svend:keyversion:{api_key_id}"


# --- Accounts


@transaction.atomic
def account_create(*, name: str, owner: User | None, is_local: bool = False, **limits: int) -> Account:
    account = Account.objects.create(name=name[:120], is_local=is_local, **limits)
    if owner is not None:
        membership_add(account=account, user=owner, role=Membership.Role.OWNER)
    account_created.send(sender=Account, account_id=account.id, is_local=is_local)
    return account


@transaction.atomic
def membership_add(*, account: Account, user: User, role: Membership.Role) -> Membership:
    """Lets the person act for the account; again is harmless."""
    membership, is_new = Membership.objects.get_or_create(user=user, account=account, defaults={"role": role})
    if is_new:
        audit_write(
            area=Area.ROLES,
            action="membership.add",
            account_id=account.id,
            target=user.email,
            before=None,
            after={"role": str(role)},
        )
    return membership


@transaction.atomic
def operator_create(*, email: str, password: str) -> User:
    """The operator of this address, made if there is none; a password given becomes theirs. Repeats change nothing."""
    operator = User.objects.filter(email=email).first()
    if operator is None:
        operator = User.objects.create_superuser(email, None)
        audit_write(area=Area.ROLES, action="operator.add", target=email, before=None, after={"is_staff": True})
    if password and not operator.check_password(password):
        operator.set_password(password)
        operator.save(update_fields=["password"])
    EmailAddress.objects.get_or_create(user=operator, email=email, defaults={"verified": True, "primary": True})
    return operator


def account_local() -> Account:
    """The account of requests without a key in local mode. Made by `seed_local`."""
    account = Account.objects.filter(is_local=True).first()
    if account is None:
        raise ApplicationError("The local account is missing: run `python manage.py seed_local`.", status=503)
    return account


# --- Keys


@transaction.atomic
def api_key_create(
    *,
    account_id: str,
    name: str,
    scopes: list[str] | None = None,
    monthly_cap_nano_usd: int | None = None,
    created_by_id: int | None = None,
) -> tuple[ApiKey, str]:
    """Makes a key; the second value is its text, shown this once and stored nowhere."""
    Account.objects.select_for_update(no_key=True).get(
        id=account_id
    )  # so that two requests cannot pass the limit together
    if ApiKey.objects.filter(account_id=account_id, revoked_at=None).count() >= KEYS_PER_ACCOUNT_MAX:
        raise ApplicationError(f"At most {KEYS_PER_ACCOUNT_MAX} live keys: revoke one first.", code="too_many_keys")
    raw = api_keys.key_make()
    key = ApiKey.objects.create(
        account_id=account_id,
        name=name,
        scopes=sorted(set(scopes)) if scopes else sorted(PERSON_SCOPES),
        monthly_cap_nano_usd=monthly_cap_nano_usd,
        created_by_id=created_by_id,
        secret_sha256=api_keys.key_sha256(raw),
        prefix=raw[: api_keys.SHOWN_PREFIX_CHARS],
        last4=raw[-4:],
    )
    _key_audit("key.make", key, before=None, after={"scopes": key.scopes, "monthly_cap_nano_usd": monthly_cap_nano_usd})
    return key, raw


def _key_audit(action: str, key: ApiKey, *, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    audit_write(
        area=Area.KEYS,
        action=action,
        account_id=key.account_id,
        target=f"{key.name} ({key.id})",
        before=before,
        after=after,
    )


def api_key_get(*, account_id: str, api_key_id: str) -> ApiKey:
    """Raises NotFound for another account's key: its existence is not told."""
    key = ApiKey.objects.filter(account_id=account_id, id=api_key_id).first()
    if key is None:
        raise NotFound("No such API key.")
    return key


def _key_locked(account_id: str, api_key_id: str) -> ApiKey:
    key = ApiKey.objects.select_for_update(no_key=True).filter(account_id=account_id, id=api_key_id).first()
    if key is None:
        raise NotFound("No such API key.")
    return key


@transaction.atomic
def api_key_cap_set(*, account_id: str, api_key_id: str, monthly_cap_nano_usd: int | None) -> ApiKey:
    """Changes the key's monthly cap; None takes it away. Raises NotFound for another account's key."""
    key = _key_locked(account_id, api_key_id)
    before = key.monthly_cap_nano_usd
    if before != monthly_cap_nano_usd:
        key.monthly_cap_nano_usd = monthly_cap_nano_usd
        key.save(update_fields=["monthly_cap_nano_usd"])
        _key_audit(
            "key.cap",
            key,
            before={"monthly_cap_nano_usd": before},
            after={"monthly_cap_nano_usd": monthly_cap_nano_usd},
        )
    return key


@transaction.atomic
def api_key_revoke(*, account_id: str, api_key_id: str) -> None:
    """Revokes; again is harmless. Raises NotFound for another account's key: its existence is not told."""
    key = _key_locked(account_id, api_key_id)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.version += 1
        key.save(update_fields=["revoked_at", "version"])
        _key_audit("key.revoke", key, before={"revoked_at": None}, after={"revoked_at": key.revoked_at.isoformat()})
    transaction.on_commit(lambda: _revocation_tell(key))


def _revocation_tell(key: ApiKey) -> None:
    try:
        pipe = valkey().pipeline()
        pipe.set(key_version_key(key.id), key.version, ex=REVOCATION_SECONDS)
        pipe.delete(caller_cache_key(key.secret_sha256))
        pipe.execute()
    except RedisError as error:
        # Cached callers die by themselves within CALLER_CACHE_SECONDS.
        log.warning("api_key.revocation_untold", api_key_id=key.id, error=repr(error))


# --- Who is calling


def api_key_authenticate(raw: str) -> Caller:
    """Raises NotAuthenticated unless `raw` is a live key."""
    if not api_keys.key_is_well_formed(raw):
        raise NotAuthenticated(f"Incorrect API key provided: {_masked(raw)}. Keys look like sk-svend-….")
    secret_sha256 = api_keys.key_sha256(raw)
    cached = _caller_cached(secret_sha256)
    if cached is not None:
        return cached
    key = ApiKey.objects.select_related("account").filter(secret_sha256=secret_sha256).first()
    if key is None or not hmac.compare_digest(key.secret_sha256, secret_sha256):
        raise NotAuthenticated(f"Incorrect API key provided: {_masked(raw)}.")
    if key.revoked_at is not None:
        raise NotAuthenticated(f"This API key was revoked: {_masked(raw)}.")
    caller = Caller(
        account_id=key.account_id,
        name=key.name,
        scopes=frozenset(key.scopes),
        api_key_id=key.id,
        api_key_version=key.version,
        is_local=key.account.is_local,
        requests_per_minute=key.account.requests_per_minute,
        tokens_per_minute=key.account.tokens_per_minute,
    )
    _caller_cache(secret_sha256, caller)
    return caller


def _masked(raw: str) -> str:
    return f"…{raw[-4:]}" if len(raw) > 8 else "…"


def _caller_cached(secret_sha256: str) -> Caller | None:
    try:
        text: Any = valkey().get(caller_cache_key(secret_sha256))
    except RedisError as error:
        log.warning("caller_cache.unreachable", error=repr(error))
        return None
    return caller_load(text) if text else None


def _caller_cache(secret_sha256: str, caller: Caller) -> None:
    try:
        valkey().set(caller_cache_key(secret_sha256), caller_dump(caller), ex=CALLER_CACHE_SECONDS)
    except RedisError as error:
        log.warning("caller_cache.unreachable", error=repr(error))


def caller_local() -> Caller:
    account = account_local()
    return Caller(
        account_id=account.id,
        name="local",
        scopes=PERSON_SCOPES,
        is_local=True,
        requests_per_minute=account.requests_per_minute,
        tokens_per_minute=account.tokens_per_minute,
    )


def caller_of_user(user: User) -> Caller:
    """A signed-in person, acting for their first account."""
    membership = Membership.objects.select_related("account").filter(user=user).order_by("id").first()
    if membership is None:
        raise NotAllowed("This user has no account.", code="no_account")
    return Caller(
        account_id=membership.account_id,
        name=user.email,
        scopes=ALL_SCOPES if user.is_staff else PERSON_SCOPES,
        user_id=user.pk,
        is_local=membership.account.is_local,
        requests_per_minute=membership.account.requests_per_minute,
        tokens_per_minute=membership.account.tokens_per_minute,
    )


def caller_person_id(caller: Caller) -> int:
    """The person who acts: signed in, or who made the key. Raises NotAllowed where nobody stands behind it."""
    person_id = caller.user_id
    if person_id is None and caller.api_key_id is not None:
        person_id = ApiKey.objects.values_list("created_by_id", flat=True).get(id=caller.api_key_id)
    if person_id is None:
        raise NotAllowed("This needs a person: sign in, or use a key that a person made.", code="person_required")
    return person_id


def bearer_of(request: HttpRequest) -> str:
    """The text after `Authorization: Bearer`, or an empty string."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def caller_from_request(request: HttpRequest) -> Caller:
    """The caller of a request by bearer, or in local mode the local account.

    Raises NotAuthenticated. In local mode a bearer that is not meant as one of our keys ("not-needed") is the
    local account's; one that begins like ours but is wrong is refused, so that a typo is seen.
    """
    raw = bearer_of(request)
    if raw.startswith(api_keys.PREFIX):
        return api_key_authenticate(raw)
    if is_local_request(request):
        return caller_local()
    if raw:
        return api_key_authenticate(raw)  # raises: not well-formed
    raise NotAuthenticated("You didn't provide an API key. Send it as `Authorization: Bearer sk-svend-…`.")


def caller_from_socket(*, user: User | None, client_address: str, api_key: str | None) -> Caller:
    """The caller of a websocket: its session's user, else the key of its first message, else local mode.

    OriginRouter has already refused foreign pages. Raises NotAuthenticated.
    """
    if api_key and api_key.startswith(api_keys.PREFIX):
        return api_key_authenticate(api_key)
    if user is not None and user.is_authenticated:
        return caller_of_user(user)
    if settings.IS_LOCAL and address_is_loopback(client_address):
        return caller_local()
    raise NotAuthenticated("Sign in, or send your API key in the first message.")


def is_local_request(request: HttpRequest) -> bool:
    """True in local mode for a request from this machine that no foreign web page sent."""
    if not settings.IS_LOCAL or not address_is_loopback(request.META.get("REMOTE_ADDR", "")):
        return False
    try:
        host = request.get_host()  # a foreign name that resolves to 127.0.0.1 is not in ALLOWED_HOSTS
    except DisallowedHost:
        return False
    # A page of another site can post to 127.0.0.1 without asking; its browser names the site.
    origin = request.headers.get("origin", "")
    return not origin or urlsplit(origin).netloc == host
