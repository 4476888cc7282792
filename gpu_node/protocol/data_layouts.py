"""The column layouts of public data sets that a job reads: how a file's layout is told, its licence, its place.

Told by the columns of one row, the most particular layout first; where the columns are shared (GSM8K's are also ours) a
sign in the row decides. Here and not beside the adapters, because the backend looks at a file when it is stored.
Sources: the data sets' own cards. Not here: what a row becomes (gpu_node/data/adapters).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from gpu_node.protocol.data_rows import SHAPES, BadLine, row_of

LayoutName = Literal[
    "openmathinstruct",
    "metamath",
    "gsm8k",
    "math",
    "codealpaca",
    "cot_collection",
    "camel",
    "slimorca",
    "sharegpt",
    "glaive",
    "message_parts",
    "dpo",
    "dpo_sharegpt",
    "dpo_parts",
    "kto",
    "kto_messages",
    "prm800k",
    "math_shepherd",
    "stepwise",
    "processbench",
    "rows",
]
UNKNOWN_LICENCE = "not stated"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """`columns` must all be there; `has_sign` tells apart what shares them. `hub` is where the set lives."""

    name: LayoutName
    columns: tuple[str, ...]
    licence: str = UNKNOWN_LICENCE
    hub: str = ""
    has_sign: Callable[[Record], bool] = lambda _record: True

    def fits(self, record: Record) -> bool:
        return all(name in record for name in self.columns) and self.has_sign(record)


def _first_has(column: str, field: str) -> Callable[[Record], bool]:
    def has_sign(record: Record) -> bool:
        items = record[column]
        return isinstance(items, list) and bool(items) and isinstance(items[0], dict) and field in items[0]

    return has_sign


def _is_in_parts(record: Record) -> bool:
    return _first_has("messages", "content")(record) and isinstance(record["messages"][0]["content"], list)


def _is_no_row_of_ours(record: Record) -> bool:
    return not all(isinstance(record.get(name), list) for name in ("prompt", "chosen", "rejected"))


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "openmathinstruct",
        ("problem", "generated_solution", "expected_answer"),
        "CC BY 4.0",
        "nvidia/OpenMathInstruct-2",
    ),
    Layout("metamath", ("query", "response"), "MIT", "meta-math/MetaMathQA"),
    Layout("gsm8k", ("question", "answer"), "MIT", "openai/gsm8k", lambda row: "#### " in str(row["answer"])),
    Layout("processbench", ("problem", "steps", "label"), "Apache-2.0", "Qwen/ProcessBench"),
    Layout("math", ("problem", "solution", "answer"), "MIT", "RLAIF/math"),
    Layout("codealpaca", ("instruction", "input", "output"), "CC BY 4.0", "sahil2801/CodeAlpaca-20k"),
    Layout("cot_collection", ("source", "target", "rationale"), "CC BY 4.0", "kaist-ai/CoT-Collection"),
    Layout("camel", ("role_1", "message_1", "message_2"), "CC BY-NC 4.0", "camel-ai/math"),
    Layout("dpo_sharegpt", ("conversations", "chosen", "rejected")),
    Layout("dpo_parts", ("chosen_messages", "rejected_messages")),
    Layout("dpo", ("chosen", "rejected"), has_sign=_is_no_row_of_ours),
    Layout("kto_messages", ("messages", "label")),
    Layout("kto", ("prompt", "completion", "label")),
    Layout("stepwise", ("prompt", "completions", "labels"), hub="trl-lib/prm800k"),
    Layout("prm800k", ("question", "label"), "MIT", "openai/prm800k", lambda row: isinstance(row["question"], dict)),
    Layout("math_shepherd", ("input", "label", "task"), UNKNOWN_LICENCE, "peiyi9979/Math-Shepherd"),
    Layout("slimorca", ("conversations",), "MIT", "Open-Orca/SlimOrca", _first_has("conversations", "weight")),
    Layout("sharegpt", ("conversations",), has_sign=_first_has("conversations", "from")),
    Layout("glaive", ("system", "chat"), "Apache-2.0", "glaiveai/glaive-function-calling-v2"),
    Layout("message_parts", ("messages",), has_sign=_is_in_parts),
    Layout("rows", ("messages",)),
    Layout("rows", ("chosen", "rejected")),
    Layout("rows", ("question", "steps")),
    Layout("rows", ("text",)),
    Layout("rows", ("question", "answer")),
)
LAYOUT_NAMES: tuple[LayoutName, ...] = get_args(LayoutName)


def layout_of(record: Record) -> Layout | None:
    return next((layout for layout in LAYOUTS if layout.fits(record)), None)


def layout_tell(record: Record) -> Layout:
    """The layout of a row. Raises BadLine, which lists the columns that were seen and those that are known."""
    layout = layout_of(record)
    if layout is None:
        raise BadLine(
            f"no known layout has the columns {sorted(record)}; known are {layouts_listed()}",
            f"rename the columns to one of these, or write rows of ours: {SHAPES}",
        )
    return layout


def columns_check(layout: LayoutName, record: Record) -> None:
    """Raises BadLine where no form of the layout has its columns here."""
    forms = [form for form in LAYOUTS if form.name == layout]
    if not any(all(name in record for name in form.columns) for form in forms):
        wanted = " or ".join(", ".join(form.columns) for form in forms)
        raise BadLine(f"no {layout} row: it has {sorted(record)}, not {wanted}", "name the file's own layout")


def row_check(layout: LayoutName, record: dict[str, Any]) -> None:
    """What can be said of a row without its adapter: ours are read whole, of others' the columns are looked at.
    Raises BadLine."""
    if layout == "rows":
        row_of(record)
    else:
        columns_check(layout, record)


def layouts_listed() -> str:
    return "; ".join(f"{layout.name} ({', '.join(layout.columns)})" for layout in LAYOUTS)
