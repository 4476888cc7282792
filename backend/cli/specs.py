"""Job specs from the command line: the fields of gpu_node.protocol.job_spec are the options.

`--num-steps 100`, `--set num_steps=100` and `--data.num-rows 500` all say the same as the API's JSON; the wire's own
models check them, so the terminal, the form and the API agree. Not here: sending (operator.py).
"""

import difflib
import json
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from backend.cli.api import CliError
from gpu_node.protocol.job_spec import (
    EvalSpec,
    ExportSpec,
    GenerateSpec,
    ImportSpec,
    JobSpec,
    QuantizeSpec,
    TrainSpec,
    job_spec_adapter,
)

SPEC_FILE_CURE = "--spec takes a JSON file with the spec's fields"
SPECS: dict[str, type[BaseModel]] = {
    "train": TrainSpec,
    "evaluate": EvalSpec,
    "generate": GenerateSpec,
    "export": ExportSpec,
    "quantize": QuantizeSpec,
    "import": ImportSpec,
}


def spec_fields(spec: type[BaseModel], path: str = "") -> dict[str, Any]:
    """Every leaf by its dotted name, with its annotation."""
    found: dict[str, Any] = {}
    for name, field in spec.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= spec_fields(field.annotation, f"{path}{name}.")
        elif name != "kind":
            found[path + name] = field.annotation
    return found


def fields_described(kind: str) -> str:
    """For --help: each field with its default and what it means."""
    lines = []
    for path in spec_fields(SPECS[kind]):
        model, field = SPECS[kind], None
        for name in path.split("."):
            field = model.model_fields[name]
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                model = field.annotation
        assert field is not None
        default = "" if field.is_required() or field.default in (None, []) else f" ({field.default})"
        lines.append(f"--{path.replace('_', '-')}{default}  {field.description or ''}".rstrip())
    return "\n\n".join(lines)


def assignments_parse(words: list[str], *, positional: str | None) -> list[tuple[str, str]]:
    """`["--num-steps", "100", "--seed=2"]` -> field and text. The first bare word is the `positional` field."""
    found: list[tuple[str, str]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            if positional is None or any(name == positional for name, _ in found):
                raise CliError(f"unexpected {word!r}", cure="options look like --num-steps 100")
            found.append((positional, word))
            continue
        name, has_value, value = word.removeprefix("--").partition("=")
        if not has_value:
            if not rest:
                raise CliError(f"{word} needs a value", cure=f"{word} VALUE")
            value = rest.pop(0)
        found.append((name.replace("-", "_"), value))
    return found


def set_parse(text: str) -> tuple[str, str]:
    name, has_value, value = text.partition("=")
    if not has_value:
        raise CliError(f"--set {text!r} has no value", cure="--set field=value")
    return name, value


def spec_build(kind: str, *, file: Path | None, assignments: list[tuple[str, str]]) -> JobSpec:
    """The spec of the file, then what the assignments change.

    Raises:
        CliError: an unknown field (with the nearest known one), or a value that the wire's model refuses.
    """
    fields = _file_read(file) if file is not None else {}
    known = spec_fields(SPECS[kind])
    for name, text in assignments:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            cure = f"did you mean {near[0]}?" if near else f"svend {kind} --help lists them"
            raise CliError(f"a {kind} job has no field {name!r}", cure=cure)
        place, leaf = fields, name.split(".")
        for part in leaf[:-1]:
            place = place.setdefault(part, {})
        place[leaf[-1]] = _value(text, known[name])
    try:
        return job_spec_adapter.validate_python({**fields, "kind": kind})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"] if part not in SPECS)
        raise CliError(f"{path or 'spec'}: {first['msg']}", cure=f"svend {kind} --help lists the fields") from error


def _file_read(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CliError(
            f"{path} cannot be read: {error}", cure="--spec takes a JSON file with the spec's fields"
        ) from error
    if not isinstance(fields, dict):
        raise CliError(f"{path} holds no JSON object", cure="--spec takes a JSON file with the spec's fields")
    return fields


def _value(text: str, annotation: Any) -> Any:
    """Lists by comma, words as they are, all else as JSON (numbers, true, null)."""
    plain = {get_origin(one) or one for one in (get_args(annotation) if _is_union(annotation) else (annotation,))}
    if list in plain:
        return [part for part in text.split(",") if part]
    if text in ("null", "none", "None") and type(None) in plain:
        return None
    if not plain & {int, float, bool}:
        return text
    try:
        return json.loads(text.lower() if bool in plain else text)
    except ValueError:
        return text  # the model says what is wrong with it


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)
