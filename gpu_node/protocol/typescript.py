"""The wire as TypeScript, for the browser: `python -m gpu_node.protocol.typescript [--check] FILE`.

Reads the pydantic models' own JSON schema, so there is no second description of the wire. Covers what the
models use today (objects, arrays, unions, literals, records, scalars); anything else raises, rather than
become `unknown`. A test fails when the committed file is stale.
"""

import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from gpu_node.protocol.frames import PROTOCOL_VERSION, Frame, Wire
from gpu_node.protocol.job_frames import JobFrame
from gpu_node.protocol.node import NodeInfo
from gpu_node.protocol.plan import Plan, PlanRequest, Preview, PreviewRequest

HEADER = "// Generated from gpu_node/protocol by `npm run wire`. Do not edit.\n"
# What the browser reads; what these refer to comes along.
ROOTS: tuple[type[Wire], ...] = (Frame, JobFrame, PlanRequest, Plan, PreviewRequest, Preview, NodeInfo)
# The tagged unions, by the field that holds each: pydantic's schema gives a union no name of its own.
UNIONS = {"RunEvent": ("Frame", "event"), "JobEvent": ("JobFrame", "event"), "JobSpec": ("PlanRequest", "spec")}
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"no TypeScript literal for {value!r}")


def type_of(schema: dict[str, Any]) -> str:
    """The TypeScript type of one JSON schema node.

    Raises:
        TypeError: the node uses a part of JSON schema that the wire did not use when this was written.
    """
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "const" in schema:
        return _quoted(schema["const"])
    if "enum" in schema:
        return " | ".join(_quoted(value) for value in schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(type_of(member) for member in schema[union])
    kind = schema.get("type")
    if kind == "array":
        item = type_of(schema["items"])
        return f"({item})[]" if " " in item else f"{item}[]"
    if kind == "object":
        extra = schema.get("additionalProperties", True)
        return f"Record<string, {'unknown' if extra is True else type_of(extra)}>"
    if kind in SCALARS:
        return SCALARS[kind]
    raise TypeError(f"no TypeScript for the JSON schema {schema!r}")


def _interface(name: str, schema: dict[str, Any]) -> str:
    """A field is required unless the model marks it: the wire is dumped whole, defaults included."""
    fields = "".join(
        f"  {field}{'?' if node.get('optional') else ''}: {type_of(node)};\n"
        for field, node in schema["properties"].items()
    )
    return f"export interface {name} {{\n{fields}}}\n"


def typescript() -> str:
    _, document = models_json_schema([(root, "serialization") for root in ROOTS], ref_template="#/$defs/{model}")
    definitions: dict[str, dict[str, Any]] = document["$defs"]
    parts = [HEADER, f"export const PROTOCOL_VERSION = {PROTOCOL_VERSION};\n"]
    for union, (model, field) in UNIONS.items():
        members = type_of(definitions[model]["properties"][field])
        parts.append(f"export type {union} =\n  | {members.replace(' | ', chr(10) + '  | ')};\n")
        definitions[model]["properties"][field] = {"$ref": f"#/$defs/{union}"}
    parts += [_interface(name, schema) for name, schema in sorted(definitions.items())]
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    is_check = "--check" in arguments
    path = Path(next(argument for argument in arguments if not argument.startswith("--")))
    if not is_check:
        path.write_text(typescript(), encoding="utf-8")
        return 0
    if path.read_text(encoding="utf-8") == typescript():
        return 0
    sys.stderr.write(f"{path} is stale: run `make wire`\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
