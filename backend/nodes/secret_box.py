"""The secrets of nodes added in the web UI, encrypted at rest by a key derived from SECRET_KEY.

A dump of the database alone gives no secret away. A changed SECRET_KEY makes them unreadable: the node is then added
again. Never shown: no API reads this.
"""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from backend.core.errors import ApplicationError


def _box() -> Fernet:
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), digest_size=32, person=b"svend node key").digest()
    return Fernet(base64.urlsafe_b64encode(key))


def secret_seal(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode()


def secret_open(sealed: str) -> str:
    """Raises ApplicationError when SECRET_KEY is another one now."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise ApplicationError(
            "The node's secret cannot be read with this SVEND_SECRET_KEY: add the node again."
        ) from error
