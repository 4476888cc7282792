"""Holds what is said to Stripe, and what the far end answers, to Stripe's own schema (stripe_openapi.json).

`faults_of(exchange)` takes what `/_control/exchanges` lists; `event_faults` takes a webhook's body. Forms carry
strings alone, so a request is first read as its schema types it. Not held: what Stripe's prose says.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema_rs

Json = dict[str, Any]
SCHEMA = "urn:stripe"


@cache
def _document() -> Json:
    found: Json = json.loads(Path(__file__).with_name("stripe_openapi.json").read_text())
    return found


@cache
def _registry() -> jsonschema_rs.Registry:
    # References inside the document are to itself: "#/$defs/charge".
    return jsonschema_rs.Registry([(SCHEMA, _document())])


@cache
def _validator(pointer: str) -> Any:
    """Made once: compiling a schema costs tens of milliseconds."""
    return jsonschema_rs.validator_for({"$ref": f"{SCHEMA}#{pointer}"}, registry=_registry())


def _pointer(operation: str, part: str) -> str:
    escaped = operation.replace("~", "~0").replace("/", "~1")
    return f"/operations/{quote(escaped)}/{part}"


def operations() -> set[str]:
    return set(_document()["operations"])


def _errors(pointer: str, value: Any, said: str) -> list[str]:
    found = _validator(pointer).iter_errors(value)
    return [f"{said}: at /{'/'.join(map(str, error.instance_path))}: {error.message[:300]}" for error in found]


def typed(value: Any, schema: Json) -> Any:
    """A form's strings as the schema types them; what does not fit is left for the validator to find."""
    if "anyOf" in schema:
        return _typed_by_kind(value, schema["anyOf"])
    if isinstance(value, dict):
        named, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        other = others if isinstance(others, dict) else {}
        return {key: typed(inner, named.get(key, other)) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner, schema.get("items", {})) for inner in value]
    return _typed_text(value, schema.get("type"))


def _typed_by_kind(value: Any, branches: list[Json]) -> Any:
    kind = {dict: "object", list: "array"}.get(type(value))
    for branch in branches:
        if kind is not None and branch.get("type") == kind:
            return typed(value, branch)
        if kind is None and (made := _typed_text(value, branch.get("type"))) is not value:
            return made
    return value


def _typed_text(value: str, kind: Any) -> Any:
    if kind == "integer" and value.lstrip("-").isdigit():
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "number" and value.replace(".", "", 1).isdigit():
        return float(value)
    return value


def faults_of(exchange: Json) -> list[str]:
    """What is wrong with one request and its answer; empty when both are as published."""
    operation = f"{exchange['method']} {exchange['path']}"
    said = f"{exchange['method']} {exchange['url']} ({exchange['status']})"
    if operation not in operations():
        return [f"{said}: no such endpoint"] if exchange["status"] == 404 else []  # refused before it was looked up
    found = []
    request = _document()["operations"][operation]["request"]
    if exchange["status"] != 400:  # what was refused as malformed was meant to be
        found += _errors(_pointer(operation, "request"), typed(exchange["form"], request), f"request of {said}")
    if exchange["status"] != 200:
        return found + _errors("/$defs/error", exchange["body"], f"answer to {said}")
    return found + _answer_faults(operation, exchange["body"], f"answer to {said}")


def _answer_faults(operation: str, body: Json, said: str) -> list[str]:
    """By the named schema where there is one, so that few are compiled; a list's items one by one."""
    schema = _document()["operations"][operation]["answer"]
    item = schema.get("properties", {}).get("data", {}).get("items", {})
    if "$ref" in schema:
        return _errors(schema["$ref"].removeprefix("#"), body, said)
    if "$ref" not in item:
        return _errors(_pointer(operation, "answer"), body, said)
    found = _errors(_pointer(operation, "answer"), {**body, "data": []}, said)
    return [*found, *(fault for row in body["data"] for fault in _errors(item["$ref"].removeprefix("#"), row, said))]


def event_faults(event: Json) -> list[str]:
    """What is wrong with a webhook's event and the object in it."""
    found = _errors("/$defs/event", event, f"event {event['type']}")
    obj = event["data"]["object"]
    kind = "deleted_customer" if obj.get("deleted") else obj["object"]
    return found + _errors(f"/$defs/{kind}", obj, f"object of {event['type']}")
