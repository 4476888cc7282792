"""Stripe's form encoding: `a[b][0][c]=v` becomes nested objects and lists; readers check what a handler takes.

Not here: whether a parameter exists at all; the contract tests hold requests to the published schema.
"""

import re
from collections.abc import Iterable
from typing import Any

from backend.billing.stripe_fake.errors import Json, invalid, missing_parameter

NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
DEPTH_MAX = 8
FIELDS_MAX = 1_000


def form_decode(pairs: Iterable[tuple[str, str]]) -> Json:
    """Raises StripeRefusal for a name that cannot be read."""
    root: Json = {}
    for count, (name, value) in enumerate(pairs):
        found = NAME.match(name)
        if found is None or count >= FIELDS_MAX:
            raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")
        keys = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        if len(keys) > DEPTH_MAX:
            raise invalid(f"Parameter nested too deeply: {name}", param=name)
        _place(root, keys, value)
    return {key: _lists(value) for key, value in root.items()}


def _place(root: Json, keys: list[str], value: str) -> None:
    at = root
    for key in keys[:-1]:
        at = at.setdefault(key or str(len(at)), {})
    at[keys[-1] or str(len(at))] = value


def _lists(value: Any) -> Any:
    """Objects whose keys count from 0 are lists."""
    if not isinstance(value, dict):
        return value
    made = {key: _lists(inner) for key, inner in value.items()}
    is_list = bool(made) and all(key.isdigit() for key in made)
    return [made[key] for key in sorted(made, key=int)] if is_list else made


def text_of(form: Json, name: str, default: str = "") -> str:
    value = form.get(name, default)
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", param=name, code="parameter_invalid_string")
    return value


def text_required(form: Json, name: str) -> str:
    value = text_of(form, name)
    if not value:
        raise missing_parameter(name)
    return value


def integer_of(form: Json, name: str, default: int | None = None) -> int | None:
    value = form.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,18}", value):
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    return int(value)


def integer_required(form: Json, name: str) -> int:
    value = integer_of(form, name)
    if value is None:
        raise missing_parameter(name)
    return value


def flag_of(form: Json, name: str) -> bool:
    value = form.get(name, "false")
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def part_of(form: Json, name: str) -> Json:
    """A nested object, empty where absent."""
    value = form.get(name) or {}
    if not isinstance(value, dict):
        raise invalid("Invalid object", param=name)
    return value


def list_of(form: Json, name: str) -> list[Any]:
    value = form.get(name) or []
    if not isinstance(value, list):
        raise invalid("Invalid array", param=name)
    return value


def metadata_merged(old: Json, form: Json) -> Json:
    """An empty value unsets a key; an empty `metadata` unsets all."""
    if form.get("metadata") == "":
        return {}
    merged = {**old, **{key: str(value) for key, value in part_of(form, "metadata").items()}}
    return {key: value for key, value in merged.items() if value != ""}
