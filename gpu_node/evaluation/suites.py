"""The suites: what each asks, how its rows look, where its files lie under `--data`, and who grades an answer.

A suite that ships (reasoning-gym, our own families) draws its questions at held-out seeds; the others read files that
are the operator's to bring. Questions come as the data has them, with options written below and no examples before.
Invariant: the same data and number give the same questions in the same order.
Not here: asking (asking.py), other ways of reading the same files for training (gpu_node/data).
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.grading import number_of
from gpu_node.data.problem import HELD_OUT_SEED_FIRST, Split
from gpu_node.evaluation.bfcl_rows import bfcl_questions
from gpu_node.evaluation.graders import (
    LETTERS,
    ChoiceGrader,
    CodeGrader,
    FamilyGrader,
    Grader,
    GymGrader,
    IntegralGrader,
    LabelGrader,
    MathsGrader,
    NumberGrader,
)
from gpu_node.evaluation.question import Question
from gpu_node.evaluation.suite_files import BadSuite, Row, files_found, rows_read
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_grammar import read

GSM8K_DEV_ROWS = 500  # the last of GSM8K's train file, which training leaves out too (data/families/gsm8k.py)
MBPP_DEV_FIRST, MBPP_DEV_LAST = 11, 510  # task ids: the original's test part; the rest is for training

# Generators of reasoning-gym whose `score_answer` runs nothing of the answer's text.
GYM_TASKS = (
    "base_conversion", "caesar_cipher", "calendar_arithmetic", "chain_sum", "count_bits", "count_primes",
    "decimal_arithmetic", "family_relationships", "fraction_simplification", "gcd", "knights_knaves", "lcm",
    "leg_counting", "letter_counting", "number_filtering", "power_function", "prime_factorization", "products",
    "simple_equations", "simple_geometry", "spell_backward", "syllogism", "time_intervals", "word_sequence_reversal",
)  # fmt: skip

Reader = Callable[[Path], Iterator[Question]]


@dataclass(frozen=True)
class Suite:
    """`files` are patterns under `--data`; none: the suite ships, and `draw` makes its questions from a first seed."""

    name: str
    what: str
    files: tuple[str, ...] = ()
    read: Reader | None = None
    draw: Callable[[int, int], Iterator[Question]] | None = None

    @property
    def is_shipped(self) -> bool:
        return self.draw is not None


def suite_find(name: str) -> Suite:
    """Raises BadSuite, naming those there are."""
    if name not in SUITES:
        raise BadSuite(f"there is no suite {name!r}; there are {', '.join(SUITES)}")
    return SUITES[name]


def suite_questions(
    name: str, *, num: int, data: Path | None = None, seed_start: int = HELD_OUT_SEED_FIRST
) -> list[Question]:
    """`num` of the suite's questions, spread evenly over its rows; all rows are read, so that a bad one is told.

    Raises:
        BadSuite: an unknown suite, no data where it needs some, a file or row that is not as the suite's are.
        ValueError: a first seed that is not held out.
    """
    suite = suite_find(name)
    if suite.draw is not None:
        if seed_start < HELD_OUT_SEED_FIRST:
            raise ValueError(f"seed {seed_start} is trained on: held-out seeds start at {HELD_OUT_SEED_FIRST}")
        return list(suite.draw(seed_start, num))
    assert suite.read is not None
    if data is None:
        raise BadSuite(f"the suite {name!r} reads files: give --data PATH with {' or '.join(suite.files)}")
    if not data.exists():
        raise BadSuite(f"--data {data} does not exist")
    questions = [question for path in files_found(data, suite.files, suite=name) for question in suite.read(path)]
    if not questions:
        raise BadSuite(f"{data} has no row of the suite {name!r} that is for evaluation")
    return spread(questions, num)


def spread(questions: Sequence[Question], num: int) -> list[Question]:
    if num >= len(questions):
        return list(questions)
    return [questions[place * len(questions) // num] for place in range(num)]


# Word problems and mathematics


def _gsm8k(path: Path) -> Iterator[Question]:
    rows = list(rows_read(path, layout='{"question", "answer": "… #### 72"}'))
    is_train = path.name.startswith("train.")
    for row in rows[-GSM8K_DEV_ROWS:] if is_train else rows:
        answer = row.text("answer").rpartition("####")[2].strip()
        if number_of(answer) is None:
            raise row.bad(f"no number after '####': {answer[:40]!r}")
        yield _question("gsm8k", row, row.text("question"), NumberGrader(answer.replace(",", "")))


def _mawps(path: Path) -> Iterator[Question]:
    for row in rows_read(path, layout='{"input", "target": 43.0}'):
        yield _question("mawps", row, row.text("input"), NumberGrader(row.number("target")))


def _college_math(path: Path) -> Iterator[Question]:
    for row in rows_read(path, layout='{"question", "answer": LaTeX, "data_topic"}'):
        topic = str(row.fields.get("data_topic", "")).rpartition(".")[2]
        yield _question("college_math", row, row.text("question"), MathsGrader(row.text("answer")), part=topic)


def _rubi(path: Path) -> Iterator[Question]:
    for row in rows_read(path, layout='{"integrand_sympy", "antiderivative_sympy", "var"}'):
        integrand, variable = row.text("integrand_sympy"), row.text("var")
        try:
            read(integrand, variables=frozenset({variable}))
        except ToolInputError as error:
            raise row.bad(f"the integrand cannot be read: {error}") from error
        grader = IntegralGrader(integrand, variable, row.text("antiderivative_sympy"))
        yield _question("rubi", row, f"Integrate {integrand} with respect to {variable}.", grader)


# Choices and labels

_OPTION = re.compile(r"\s*\(?([A-J])[).:]\s*(.*)", re.DOTALL)
_TRUTH = {"True": ("yes",), "False": ("no",), "Unknown": ("uncertain", "undetermined", "cannot be determined")}


def _options(row: Row, texts: list[str]) -> dict[str, str]:
    found = [_OPTION.fullmatch(text) for text in texts]
    options = {one[1]: one[2].strip() for one in found if one is not None}
    if len(options) != len(texts) or list(options) != list(LETTERS[: len(texts)]):
        raise row.bad(f"options must be lettered A), B), …: {texts!r:.80}")
    return options


def _choice(suite: str, row: Row, text: str, options: dict[str, str], letter: str, *, part: str = "") -> Question:
    if letter not in options:
        raise row.bad(f"the answer {letter!r} is none of the options {', '.join(options)}")
    listed = "\n".join(f"{name}) {option}" for name, option in options.items())
    asked = f"{text}\n{listed}\nAnswer with the letter."
    return _question(suite, row, asked, ChoiceGrader(letter, options), part=part)


def _aqua(path: Path) -> Iterator[Question]:
    for row in rows_read(path, layout='{"question", "options": ["A)…", …], "correct": "A"}'):
        yield _choice("aqua", row, row.text("question"), _options(row, row.texts("options")), row.text("correct"))


def _logic(suite: str) -> Reader:
    def read(path: Path) -> Iterator[Question]:
        for row in rows_read(path, layout='{"context", "question", "options": ["A) …", …], "answer": "A"}'):
            asked = f"{row.text('context')}\n{row.text('question')}"
            yield _choice(suite, row, asked, _options(row, row.texts("options")), row.text("answer"))

    return read


def _folio(path: Path) -> Iterator[Question]:
    for row in rows_read(path, layout='{"premises": [...], "conclusion", "label": True, False or Unknown}'):
        label = {"uncertain": "Unknown"}.get(row.text("label").casefold(), row.text("label"))
        if label not in _TRUTH:
            raise row.bad(f"the label {label!r} is none of {', '.join(_TRUTH)}")
        premises = row.fields.get("premises")
        lines = premises if isinstance(premises, list) else row.text("premises").splitlines()
        asked = "\n".join(map(str, lines))
        asked += f"\nIs this true, false or unknown? {row.text('conclusion')}"
        yield _question("folio", row, asked, LabelGrader(label, _TRUTH))


_BBH_LABELS = ({"True": ("yes",), "False": ("no",)}, {"Yes": ("true",), "No": ("false",)})


def _bbh(path: Path) -> Iterator[Question]:
    task = path.name.partition(".")[0]
    for row in rows_read(path, layout='{"input", "target"} under "examples"', key="examples"):
        target = row.text("target").strip()
        yield _question("bbh", row, row.text("input"), _bbh_grader(row, target), part=task)


def _bbh_grader(row: Row, target: str) -> Grader:
    if letter := re.fullmatch(r"\(([A-J])\)", target):
        options = dict(re.findall(r"^\(([A-J])\) (.*)$", row.text("input"), re.MULTILINE))
        if letter[1] not in options:
            raise row.bad(f"the target {target} is none of its options")
        return ChoiceGrader(letter[1], options)
    for spellings in _BBH_LABELS:
        if target in spellings:
            return LabelGrader(target, spellings)
    if re.fullmatch(r"-?\d+", target):
        return NumberGrader(target)
    raise row.bad(f"the target {target[:40]!r} is no option, number, True, False, Yes or No")


# Code


def _mbpp(path: Path) -> Iterator[Question]:
    layout = '{"task_id", "text", "code", "test_setup_code", "test_list": [...]}'
    for row in rows_read(path, layout=layout):
        if not MBPP_DEV_FIRST <= int(float(row.number("task_id"))) <= MBPP_DEV_LAST:
            continue
        tests = row.texts("test_list")
        asked = f"{row.text('text')}\nYour code should pass these tests:\n" + "\n".join(tests)
        grader = CodeGrader(row.text("code"), str(row.fields.get("test_setup_code", "")), tuple(tests))
        yield _question("mbpp", row, asked, grader)


# What ships


def _families(split: Split) -> Callable[[int, int], Iterator[Question]]:
    def draw(seed_start: int, num: int) -> Iterator[Question]:
        names = [name for name, family in families_load().items() if family.is_evaluated]
        for place in range(num):
            name, seed = names[place % len(names)], seed_start + place // len(names)
            problem = problem_draw(name, seed, split)
            grader = FamilyGrader(problem.answer_kind, problem.answer)
            suite = "families" if split == "train" else "families_unseen"
            yield Question(suite, f"{name} {seed}", problem.question, grader, part=name, seed=seed)

    return draw


def _reasoning_gym(seed_start: int, num: int) -> Iterator[Question]:
    """An item's index is its generator's seed; `num` items over all tasks in turn."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a dependency of theirs has `is "literal"`
            import reasoning_gym
    except ImportError as error:
        raise BadSuite("the suite 'reasoning_gym' needs the package: pip install reasoning-gym") from error
    made: dict[str, Any] = {}
    for place in range(num):
        name, seed = GYM_TASKS[place % len(GYM_TASKS)], seed_start + place // len(GYM_TASKS)
        if name not in made:
            made[name] = reasoning_gym.create_dataset(name, size=2 * HELD_OUT_SEED_FIRST, seed=0)
        entry = made[name][seed]
        grader = GymGrader(made[name], entry)
        yield Question("reasoning_gym", f"{name} {seed}", str(entry["question"]), grader, part=name, seed=seed)


def _question(suite: str, row: Row, text: str, grader: Grader, *, part: str = "") -> Question:
    return Question(suite, row.place, text.strip(), grader, part=part)


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("gsm8k", "school word problems", ("gsm8k/train.jsonl*", "gsm8k/*.jsonl*"), _gsm8k),
        Suite("mawps", "one-step word problems", ("mawps/*.jsonl*",), _mawps),
        Suite("aqua", "algebra word problems, five options", ("aqua/dev.json*",), _aqua),
        Suite("college_math", "algebra to linear algebra, answers in LaTeX", ("college_math/*.jsonl*",), _college_math),
        Suite("rubi", "integrals", ("rubi/*.jsonl*",), _rubi),
        Suite("folio", "first-order logic in English", ("folio/*.jsonl*",), _folio),
        Suite("proofwriter", "rules and facts", ("logic_llm/ProofWriter/dev.json*",), _logic("proofwriter")),
        Suite("prontoqa", "chains of rules", ("logic_llm/ProntoQA/dev.json*",), _logic("prontoqa")),
        Suite(
            "logical_deduction",
            "orders of objects",
            ("logic_llm/LogicalDeduction/dev.json*",),
            _logic("logical_deduction"),
        ),
        Suite("bbh", "seven tasks of BIG-Bench Hard", ("bbh/*.json*",), _bbh),
        Suite("mbpp", "short Python programs", ("mbpp/*.jsonl*",), _mbpp),
        Suite("bfcl", "calls of the asker's own tools", ("bfcl/data/BFCL_*.json*",), bfcl_questions),
        Suite("reasoning_gym", "generators at held-out seeds", draw=_reasoning_gym),
        Suite("families", "our own families at held-out seeds", draw=_families("train")),
        Suite("families_unseen", "our own families, wordings never trained on", draw=_families("held_out")),
    )
}
