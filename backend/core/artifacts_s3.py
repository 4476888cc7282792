"""The piece store in an S3-compatible bucket: presigned URLs, uploads checked before they count.

A presigned PUT cannot be trusted to have carried the right bytes, so it writes to `incoming/`; `confirm` reads the
object once, checks size and hash, and copies it to `pieces/`, which only we write. boto3 is imported when a bucket is
named: it is an optional extra.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from backend.core.errors import NotFound

READ_BYTES = 1_048_576
PRESIGNED_SECONDS_MAX = 7 * 86_400  # S3's own limit


@lru_cache(maxsize=4)
def _client(endpoint: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ImproperlyConfigured("SVEND_ARTIFACTS names a bucket: install svend[s3] (boto3).") from error
    config = Config(
        signature_version="s3v4",
        retries={"max_attempts": 3, "mode": "standard"},
        connect_timeout=5,
        read_timeout=30,
        # Some stores do not know the newer checksum headers, and a presigned URL's user would have to send them.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=endpoint or None, config=config)


class S3Store:
    def __init__(self, url: str, *, endpoint: str) -> None:
        parts = urlsplit(url)
        self.bucket = parts.netloc
        self.prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self.client = _client(endpoint)

    def _key(self, sha256: str) -> str:
        return f"{self.prefix}pieces/{sha256[:2]}/{sha256}"

    def _incoming(self, sha256: str) -> str:
        return f"{self.prefix}incoming/{sha256}"

    def _size(self, key: str) -> int | None:
        from botocore.exceptions import ClientError

        try:
            return int(self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def has(self, sha256: str, num_bytes: int) -> bool:
        return self._size(self._key(sha256)) == num_bytes

    def confirm(self, sha256: str, num_bytes: int) -> bool:
        if self.has(sha256, num_bytes):
            return True
        incoming = self._incoming(sha256)
        size = self._size(incoming)
        if size is None:
            return False
        is_right = size == num_bytes and self._sha256_of(incoming) == sha256
        if is_right:
            source = {"Bucket": self.bucket, "Key": incoming}
            self.client.copy_object(Bucket=self.bucket, Key=self._key(sha256), CopySource=source)
        self.client.delete_object(Bucket=self.bucket, Key=incoming)
        return is_right

    def _sha256_of(self, key: str) -> str:
        digest = hashlib.sha256()
        for chunk in self.client.get_object(Bucket=self.bucket, Key=key)["Body"].iter_chunks(READ_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    def url_get(self, sha256: str, num_bytes: int, *, seconds: int) -> str:
        return self._presigned("get_object", self._key(sha256), seconds)

    def url_put(self, sha256: str, num_bytes: int, *, seconds: int) -> str:
        return self._presigned("put_object", self._incoming(sha256), seconds)

    def _presigned(self, verb: str, key: str, seconds: int) -> str:
        assert 0 < seconds <= PRESIGNED_SECONDS_MAX
        parameters = {"Bucket": self.bucket, "Key": key}
        return str(self.client.generate_presigned_url(verb, Params=parameters, ExpiresIn=seconds))

    def read(self, sha256: str) -> bytes:
        from botocore.exceptions import ClientError

        try:
            return bytes(self.client.get_object(Bucket=self.bucket, Key=self._key(sha256))["Body"].read())
        except ClientError as error:
            raise NotFound(f"There is no piece {sha256}.", code="piece_not_found") from error

    def write(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.has(sha256, len(data)):
            self.client.put_object(Bucket=self.bucket, Key=self._key(sha256), Body=data)
        return sha256

    def delete(self, sha256: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self._key(sha256))

    def names(self) -> Iterator[tuple[str, float]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.prefix}pieces/"
        )
        for page in pages:
            for entry in page.get("Contents", []):
                yield entry["Key"].rpartition("/")[2], entry["LastModified"].timestamp()
