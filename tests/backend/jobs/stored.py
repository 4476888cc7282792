"""What lies in the store, and how it comes to harm there."""

from backend.core.artifacts import FolderStore, piece_store
from backend.core.artifacts_s3 import S3Store


def flip(sha256: str) -> None:
    """Changes the last byte of a piece where it lies, as no honest way can."""
    data = piece_store().read(sha256)
    spoilt = data[:-1] + bytes([data[-1] ^ 1])
    match piece_store():
        case FolderStore() as store:
            store.path(sha256).write_bytes(spoilt)
        case S3Store() as store:
            store.client.put_object(Bucket=store.bucket, Key=store._key(sha256), Body=spoilt)
