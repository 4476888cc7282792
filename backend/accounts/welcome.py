"""One-time sign-in links: made by a command on the machine itself, good once, for a day. Only hashes are stored."""

import datetime as dt
import hashlib

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User, WelcomeLink
from backend.core.errors import NotFound
from backend.core.ids import random_base62

LINK_AGE_MAX = dt.timedelta(days=1)
TOKEN_CHARS = 43


def _token_sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def welcome_link_make(*, user: User) -> str:
    """Returns the link's path. Older unused links of the user die."""
    WelcomeLink.objects.filter(user=user, used_at=None).delete()
    token = random_base62(TOKEN_CHARS)
    expires_at = timezone.now() + LINK_AGE_MAX
    WelcomeLink.objects.create(token_sha256=_token_sha256(token), user=user, expires_at=expires_at)
    return f"/welcome/{token}"


def welcome_link_use(*, token: str) -> User:
    """Raises NotFound for a link that is unknown, used or old: all the same to a stranger."""
    digest, now = _token_sha256(token), timezone.now()
    live = WelcomeLink.objects.filter(token_sha256=digest, used_at=None, expires_at__gt=now, user__is_active=True)
    if live.update(used_at=now) != 1:  # the update is the claim: two simultaneous uses are one sign-in
        raise NotFound("This sign-in link was used already or has expired. Start Svend again for a new one.")
    return WelcomeLink.objects.select_related("user").get(token_sha256=digest).user
