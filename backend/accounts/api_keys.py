"""The text of an API key: `sk-svend-` + 43 base62 characters + a 6-character checksum.

Pure: no database. A typo is refused here, before anything is asked of PostgreSQL. 43 base62 characters are
256 bits, so a plain SHA-256 is the right hash: there is nothing to guess. The checksum is CRC-32 in base62;
it protects from typos, not from attackers.
"""

import hashlib
import zlib

from backend.core.ids import BASE62, random_base62

PREFIX = "sk-svend-"
RANDOM_CHARS = 43
CHECKSUM_CHARS = 6
KEY_CHARS = len(PREFIX) + RANDOM_CHARS + CHECKSUM_CHARS
SHOWN_PREFIX_CHARS = len(PREFIX) + 3


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_CHARS):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits


def key_make() -> str:
    body = PREFIX + random_base62(RANDOM_CHARS)
    return body + _checksum(body)


def key_is_well_formed(raw: str) -> bool:
    return (
        len(raw) == KEY_CHARS
        and raw.isascii()
        and raw.startswith(PREFIX)
        and raw[len(PREFIX) :].isalnum()
        and raw.endswith(_checksum(raw[:-CHECKSUM_CHARS]))
    )


def key_sha256(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()
