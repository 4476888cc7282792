"""Seed questions: what is asked, and by what an answer to it is checked.

A seed's line has `question`, and `answer` (its value) or `tests` (Python asserts); or it is a row of any known layout
whose question has an answer. Templates are TOML files with `system`, `user` and `answer_mark`; `{question}` and
`{tests}` in them stand for the seed's. Not here: asking (endpoints.py), checking (checks.py).
"""

import hashlib
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from gpu_node.data.adapters.registry import row_adapt
from gpu_node.data.mixing.row_texts import words_of
from gpu_node.data.mixing.sources import SourceRefused, files_of, records_of
from gpu_node.data.problem import AnswerKind
from gpu_node.protocol.data_layouts import layout_of
from gpu_node.protocol.data_rows import BadLine, ProblemRow, RowPart, Text, row_validate

PROMPTS = Path(__file__).with_name("prompts")
SEEDS_MAX = 1_000_000
ID_HEX_DIGITS = 16


class Seed(RowPart):
    """MBPP's names are taken, too: text, test_list, test_setup_code."""

    question: Text = Field(validation_alias=AliasChoices("question", "text", "problem"))
    answer: str | None = None
    answer_kind: AnswerKind | None = None  # None: a number, an expression or the same words
    tests: tuple[Text, ...] = Field(default=(), validation_alias=AliasChoices("tests", "test_list"))
    setup: str = Field(default="", validation_alias=AliasChoices("setup", "test_setup_code"))

    @property
    def id(self) -> str:
        """By what is asked: the same question in other spacing or case is the same seed."""
        return hashlib.sha256(" ".join(words_of(self.question)).encode()).hexdigest()[:ID_HEX_DIGITS]


class Template(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str = ""
    user: Text
    answer_mark: str = ""  # what stands before the final answer; empty: the whole reply is the answer

    def prompt(self, seed: Seed) -> str:
        """Only the template's own marks are filled: braces in a question, as LaTeX has them, mean nothing."""
        pieces = self.user.replace("{tests}", "\n".join(seed.tests)).split("{question}")
        return seed.question.join(pieces).strip()


def template_read(name: str) -> Template:
    """A file, or one of ours by its name. Raises ValueError."""
    path = Path(name)
    if not path.suffix:
        path = PROMPTS / f"{name}.toml"
    if not path.is_file():
        ours = ", ".join(sorted(one.stem for one in PROMPTS.glob("*.toml")))
        raise ValueError(f"there is no prompt {name!r}: name a .toml file, or one of {ours}")
    try:
        template = Template.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no TOML: {error}") from error
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        raise ValueError(f"{path.name}: {'.'.join(map(str, found['loc']))}: {found['msg']}") from error
    if "{question}" not in template.user:
        raise ValueError(f"{path.name}: `user` has no {{question}}: every request would be the same")
    return template


def seeds_read(path: Path) -> list[Seed]:
    """Each question once, in the file's order. Raises SourceRefused: the file, a line, or a seed without a check."""
    return seeds_checked(_seeds(path))


def seeds_checked(seeds: Iterable[tuple[str, Seed]]) -> list[Seed]:
    kept: dict[str, Seed] = {}
    for place, seed in seeds:
        if seed.answer is None and not seed.tests:
            raise SourceRefused(f"{place}: neither `answer` nor `tests`: nothing to check an answer by")
        kept.setdefault(seed.id, seed)
        if len(kept) > SEEDS_MAX:
            raise SourceRefused(f"more than {SEEDS_MAX} seeds: split the file")
    if not kept:
        raise SourceRefused("there is no seed")
    return list(kept.values())


def _seeds(path: Path) -> Iterator[tuple[str, Seed]]:
    for file in files_of(path):
        for place, record in records_of(file):
            try:
                if isinstance(record, BadLine):
                    raise record
                yield place, _seed(record)
            except BadLine as error:
                raise SourceRefused(f"{place}: {error}; {error.cure}") from error


def _seed(record: dict[str, Any]) -> Seed:
    """Raises BadLine."""
    layout = layout_of(record)
    if layout is None or layout.name == "rows" or "test_list" in record:
        return row_validate(Seed, record)
    row = row_adapt(layout.name, record)
    if not isinstance(row, ProblemRow):
        raise BadLine(f"a {layout.name} row is no question with an answer", "seeds are questions with answers or tests")
    return Seed(question=row.question, answer=row.answer)
