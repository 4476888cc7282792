"""What a view of /api was given, body or query, as its serializer takes it."""

from typing import Any

from rest_framework import serializers


def parsed(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """The validated fields. Raises DRF's ValidationError, which the error handler turns into our shape."""
    given = serializer(data=data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
