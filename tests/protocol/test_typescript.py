"""The browser's types are the wire's."""

from pathlib import Path

import pytest

from gpu_node.protocol.typescript import type_of, typescript

GENERATED = Path(__file__).resolve().parents[2] / "frontend" / "src" / "protocol.gen.ts"


def test_the_browsers_types_are_fresh() -> None:
    assert GENERATED.read_text(encoding="utf-8") == typescript(), "stale: run `make wire`"


def test_the_jobs_half_of_the_wire_is_there() -> None:
    generated = typescript()
    for name in ("JobEvent", "JobSpec"):
        assert f"export type {name} =" in generated
    for name in ("JobFrame", "Metric", "TrainSpec", "EvalSpec", "Plan", "PreviewToken"):
        assert f"export interface {name} {{" in generated


def test_an_unknown_part_of_json_schema_is_refused() -> None:
    with pytest.raises(TypeError, match="no TypeScript"):
        type_of({"type": "tuple"})
