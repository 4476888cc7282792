"""A job's training rows: drawn from our problem families, or read from a file of JSON lines, in the chat format.

A file's rows are in one of the layouts that gpu_node/protocol/data_layouts.py knows, of the kind that the objective
learns from; a mixture is several such files. For a verifier each row also says `is_right`; rows of families get it by
construction: half of them have a digit of the question changed, so that what was done no longer answers it.
The same DataSpec gives the same rows on every node. No torch. Not here: batches (gpu_node/data/packing.py).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from gpu_node import data
from gpu_node.data.adapters.registry import row_adapt
from gpu_node.data.chat_format import special_ids
from gpu_node.data.families.registry import families_load
from gpu_node.data.labelled_rows import judged_row, labelled_steps_row, pair_row, step_ends, steps_row
from gpu_node.data.mixing.mixture import Mixture, MixtureSpec
from gpu_node.data.mixing.sources import Source, SourceRefused, records_of
from gpu_node.data.packing import Row, RowPool, pool_build
from gpu_node.data.row_tokens import row_tokens
from gpu_node.data.synthetic import examples
from gpu_node.protocol.data_layouts import layout_tell
from gpu_node.protocol.data_rows import BadLine, DataRow, DialogueRow, PreferenceRow, ProblemRow, StepRow, TextRow
from gpu_node.protocol.job_spec import DataSpec, Objective
from gpu_node.training.job_errors import JobRefused, bad_data
from gpu_node.training.job_inputs import MIXTURE_ROLE, rows_file

POOLS_KEPT = 8  # sets of drawn rows on a node: enough for what one operator tries, some MB each

Heard = Callable[[int], None]


def pool_make(
    spec: DataSpec, *, objective: Objective, tokenizer: Tokenizer, file: Path | None, on_row: Heard = lambda _: None
) -> RowPool:
    """`on_row` hears the number of each row: drawing them runs their tools. Raises JobRefused (bad_data, bad_spec,
    bad_input), and what `on_row` raises."""
    rows = rows_make(spec, objective=objective, tokenizer=tokenizer, file=file)

    def told() -> Iterator[Row]:
        for number, row in enumerate(rows, start=1):
            on_row(number)
            yield row

    try:
        return pool_build(told(), tokens_max=spec.row_tokens_max)
    except JobRefused:
        raise
    except ValueError as error:
        raise bad_data(f"the data gives {error}", "widen data.families, data.num_rows or the file") from error


def rows_make(spec: DataSpec, *, objective: Objective, tokenizer: Tokenizer, file: Path | None) -> Iterator[Row]:
    """`file` is the data file, or of a mixture the folder of its inputs."""
    if spec.source != "families":
        if file is None:
            raise JobRefused("bad_input", f"data.source is {spec.source!r}, but the order has no input for it")
        drawn = _rows_of_file(file, spec, tokenizer, objective)
    else:
        drawn = _rows_of_families(spec, tokenizer)
        if objective in ("verifier", "prm"):
            drawn = _judged(drawn, tokenizer, seed=spec.seed_start, at_steps=objective == "prm")
    if objective != "pretrain":
        return drawn
    return (Row(ids=row.ids, weights=[0.0] + [1.0] * (len(row.ids) - 1), group=row.group) for row in drawn)


def families_check(families: list[str]) -> None:
    known = families_load()
    if unknown := [name for name in families if name not in known]:
        cure = f"there are: {', '.join(known)}"
        raise JobRefused("bad_spec", f"no family is called {', '.join(map(repr, unknown))}", cure=cure)


# Drawn rows on the node's disk


def rows_kept(folder: Path, spec: DataSpec, *, objective: Objective, tokenizer: Tokenizer) -> Path:
    """Where these rows lie, named by all that they are made of: the spec, the tokenizer, the code that draws them."""
    digest = hashlib.sha256(f"{objective} {spec.model_dump_json()} {tokenizer.to_str()}".encode())
    for path in sorted(Path(data.__path__[0]).rglob("*.py")):
        digest.update(path.read_bytes())
    return folder / f"{digest.hexdigest()}.npz"


def rows_keep(path: Path, pool: RowPool) -> None:
    path.parent.mkdir(exist_ok=True)
    pool.save(path)
    for old in sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime)[:-POOLS_KEPT]:
        old.unlink(missing_ok=True)


# Families


def _rows_of_families(spec: DataSpec, tokenizer: Tokenizer) -> Iterator[Row]:
    families_check(spec.families)
    drawn = examples(tokenizer, seed_start=spec.seed_start, count=spec.num_rows, families=spec.families or None)
    fitting = (row for row in drawn if len(row.ids) <= spec.row_tokens_max)
    return (Row(ids=row.ids, weights=row.weights, group=row.family) for row in fitting)


def _judged(rows: Iterator[Row], tokenizer: Tokenizer, *, seed: int, at_steps: bool) -> Iterator[Row]:
    """Each row judged at its last id, or at the end of each step; every second one made wrong where it can be."""
    ids, rng = special_ids(tokenizer), random.Random(seed)
    digits = [id_ for digit in "0123456789" if (id_ := tokenizer.token_to_id(digit)) is not None]
    for number, row in enumerate(rows):
        read = list(row.ids)
        asked_until = next(iter(ids.turn_starts(read, "assistant")), 0)
        places = [place for place in range(asked_until) if read[place] in digits]
        is_right = number % 2 == 0 or not places
        if not is_right:
            place = rng.choice(places)
            read[place] = rng.choice([digit for digit in digits if digit != read[place]])
        if at_steps:
            ends = step_ends(read, tokenizer, written_from=list(row.weights).index(1.0))
            # What was thought before the first result may still be right: the tool was not asked the altered question.
            ends = ends if is_right else [end for end in ends if read[end] != ids.think_end] or ends[-1:]
            yield steps_row(read, dict.fromkeys(ends, is_right), group=row.group)
        else:
            yield judged_row(read, is_right=is_right, group=row.group)


# A file


def _rows_of_file(path: Path, spec: DataSpec, tokenizer: Tokenizer, objective: Objective) -> Iterator[Row]:
    placed = _placed(path, spec) if spec.source == "file" else _mixed(path, spec)
    for place, row in placed:
        try:
            made = _row_make(row, objective, tokenizer, group=place.rpartition(",")[0])
        except _WrongKind as error:
            cure = f"objective {objective} learns from {_LEARNS_FROM[objective]}"
            raise bad_data(f"{place}: {error}", cure) from error
        if len(made.ids) > spec.row_tokens_max:
            cure = "shorten the row, or raise data.row_tokens_max"
            raise bad_data(f"{place}: {len(made.ids)} tokens, but data.row_tokens_max is {spec.row_tokens_max}", cure)
        yield made


def _placed(path: Path, spec: DataSpec) -> Iterator[tuple[str, DataRow]]:
    """(file and line, row). Every row must parse: a job that trains on most of a file is no job that was asked for."""
    layout = spec.layout
    try:
        for place, record in islice(records_of(path), spec.num_rows):
            try:
                if isinstance(record, BadLine):
                    raise record
                layout = layout or layout_tell(record).name
                row = row_adapt(layout, record)
            except BadLine as error:
                raise bad_data(f"{place}: {error}", error.cure) from error
            yield place, row
    except SourceRefused as error:
        raise bad_data(str(error), "name another file") from error


def _mixed(folder: Path, spec: DataSpec) -> Iterator[tuple[str, DataRow]]:
    sources = [
        Source(name=str(rows_file(folder / f"{MIXTURE_ROLE}{place}")), weight=weight, layout=spec.layout, refused_max=0)
        for place, (_, weight) in enumerate(spec.mixture)
    ]
    try:
        mixture = Mixture(MixtureSpec(sources, seed=spec.seed_start))
        for mixed in mixture.rows(num_rows=spec.num_rows):
            yield mixed.place, mixed.row
    except SourceRefused as error:
        raise bad_data(str(error), "repair the file, or leave it out of data.files") from error


class _WrongKind(ValueError):
    """The row is whole, but not what this objective learns from."""


_TEXTS = "questions with answers, messages or text"
_LEARNS_FROM: dict[Objective, str] = {
    "pretrain": _TEXTS,
    "sft": _TEXTS,
    "distill": _TEXTS,
    "verifier": "questions with answers, or messages, that say is_right: true/false",
    "prm": '{"question": …, "steps": [{"text": …, "is_right": true/false}, …]}',
    "dpo": '{"prompt": [messages], "chosen": [messages], "rejected": [messages]}',
}
_KINDS: dict[type[DataRow], str] = {
    PreferenceRow: "a pair of answers",
    StepRow: "a solution with labelled steps",
    TextRow: "plain text",
    DialogueRow: "messages",
    ProblemRow: "a question with an answer",
}


def _row_make(row: DataRow, objective: Objective, tokenizer: Tokenizer, *, group: str) -> Row:
    """Raises _WrongKind."""
    if objective == "dpo" and isinstance(row, PreferenceRow):
        return pair_row(tokenizer, row, group=group)
    if objective == "prm" and isinstance(row, StepRow):
        return labelled_steps_row(tokenizer, row, group=group)
    if objective in ("dpo", "prm") or isinstance(row, PreferenceRow | StepRow):
        raise _WrongKind(_KINDS[type(row)])
    ids, weights = row_tokens(tokenizer, row)
    is_right = None if isinstance(row, TextRow) else row.is_right
    if objective != "verifier":
        if is_right is False:
            raise _WrongKind("an answer that is not right (is_right: false) would be learnt as one that is")
        return Row(ids=ids, weights=weights, group=group)
    if is_right is None:
        raise _WrongKind("no `is_right`")
    return judged_row(ids, is_right=is_right, group=group)
