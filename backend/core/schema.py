"""Names for the OpenAPI document: a view's nested `Output` is `KeysOutput`, not one of many `Output`s."""

from typing import Any

from drf_spectacular.openapi import AutoSchema


class NestedNamesSchema(AutoSchema):
    def _get_serializer_name(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> str:
        qualified = serializer.child.__class__ if hasattr(serializer, "child") else serializer.__class__
        if "." not in qualified.__qualname__:
            return str(super()._get_serializer_name(serializer, direction, bypass_extensions))
        return "".join(part.removesuffix("Api") for part in qualified.__qualname__.split("."))
