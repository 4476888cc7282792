"""One adapter a layout: a typed row as the data set has it, and the function that makes a row of ours of it.

`adapt` never guesses: a row that is not what its layout says raises BadLine with what is wrong. The rows that come out
are validated, and a row is validated once on each side. Not here: files and lines (gpu_node/data/sources.py), how a
layout is told (gpu_node/protocol/data_layouts.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from gpu_node.data.adapters import dialogues, preferences, solutions, steps
from gpu_node.protocol.data_layouts import LayoutName, columns_check
from gpu_node.protocol.data_rows import BadLine, DataRow, RowPart, row_of, row_validate

Given = TypeVar("Given", bound=RowPart)


@dataclass(frozen=True)
class Adapter(Generic[Given]):
    row: type[Given]
    adapt: Callable[[Given], DataRow]

    def read(self, record: dict[str, Any]) -> DataRow:
        given = row_validate(self.row, record)
        try:
            return self.adapt(given)
        except ValidationError as error:
            said = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
            raise BadLine(said, "repair the row or leave it out") from error


ADAPTERS: dict[LayoutName, Adapter[Any]] = {
    "openmathinstruct": Adapter(solutions.OpenMathRow, solutions.open_math),
    "metamath": Adapter(solutions.MetaMathRow, solutions.meta_math),
    "gsm8k": Adapter(solutions.Gsm8kRow, solutions.gsm8k),
    "math": Adapter(solutions.MathRow, solutions.math),
    "codealpaca": Adapter(solutions.InstructionRow, solutions.instruction),
    "cot_collection": Adapter(solutions.CotRow, solutions.chain_of_thought),
    "camel": Adapter(solutions.CamelRow, solutions.camel),
    "slimorca": Adapter(dialogues.ShareGptRow, dialogues.sharegpt),
    "sharegpt": Adapter(dialogues.ShareGptRow, dialogues.sharegpt),
    "glaive": Adapter(dialogues.GlaiveRow, dialogues.glaive),
    "message_parts": Adapter(dialogues.PartsRow, dialogues.message_parts),
    "dpo": Adapter(preferences.PairRow, preferences.pair),
    "dpo_sharegpt": Adapter(preferences.ShareGptPairRow, preferences.sharegpt_pair),
    "dpo_parts": Adapter(preferences.PartsPairRow, preferences.parts_pair),
    "kto": Adapter(preferences.JudgedRow, preferences.judged),
    "kto_messages": Adapter(preferences.JudgedMessagesRow, preferences.judged_messages),
    "prm800k": Adapter(steps.Prm800kRow, steps.prm800k),
    "math_shepherd": Adapter(steps.ShepherdRow, steps.math_shepherd),
    "stepwise": Adapter(steps.StepwiseRow, steps.stepwise),
    "processbench": Adapter(steps.ProcessBenchRow, steps.processbench),
}


def row_adapt(layout: LayoutName, record: dict[str, Any]) -> DataRow:
    """Raises BadLine."""
    if layout == "rows":
        return row_of(record)
    columns_check(layout, record)
    return ADAPTERS[layout].read(record)
