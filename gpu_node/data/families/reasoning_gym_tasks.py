"""Problems from reasoning-gym (Apache-2.0), phrased shortly and compiled to one call from an item's metadata.

A problem is made only if its answer, in the generator's own spelling, scores 1 by the generator's `score_answer`; that
the call prints this answer is checked as for every family. Items below HELD_OUT_SEED_FIRST train, the rest are held
out: an item's index is its generator's seed. It is a training dependency: where it is absent, so is this family.
Not here: its prompts (long boilerplate, which delays copying), and tasks that our own families ask better.
"""

import importlib.util
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from gpu_node.data.families.reasoning_gym_wordings import WORDINGS
from gpu_node.data.families.registry import family
from gpu_node.data.problem import HELD_OUT_SEED_FIRST, AnswerKind, Call, Phrasings, Problem, ProblemRandom, Split

ITEMS_STOP = 2 * HELD_OUT_SEED_FIRST
DRAWS_MAX = 500  # items refused in a row before it is a fault of ours

Metadata = dict[str, Any]
LEGS = {
    "dog": 4, "cat": 4, "cow": 4, "horse": 4, "sheep": 4, "goat": 4, "elephant": 4, "giraffe": 4, "deer": 4, "lion": 4,
    "tiger": 4, "chicken": 2, "duck": 2, "human": 2, "ant": 6, "spider": 8, "crab": 10, "bee": 6, "wasp": 6, "bird": 2,
    "snail": 0, "cricket": 6, "beetle": 6, "butterfly": 6, "grasshopper": 6, "shrimp": 10, "lobster": 10, "scorpion": 8,
}  # fmt: skip
BASE_LETTERS = {2: "b", 8: "o", 16: "x"}


@dataclass(frozen=True)
class Made:
    """Read out of an item: the question's slots, the code, what it prints, and that in the generator's spelling."""

    slots: dict[str, object]
    code: str
    answer: str
    scored: str
    kind: AnswerKind = "number"


def _joined(numbers: list[str], rng: random.Random) -> str:
    return (", " if rng.random() < 0.7 else " ").join(numbers)


def _printed(numbers: list[str]) -> str:
    """A list of decimals as Python prints it."""
    return f"[{', '.join(str(float(number)) if '.' in number else number for number in numbers)}]"


def _count_bits(m: Metadata, rng: random.Random) -> Made | None:
    count = str(m["solution"])
    return Made({"n": m["number"]}, f"print(bin({m['number']}).count('1'))", count, count)


def _base_conversion(m: Metadata, rng: random.Random) -> Made | None:
    source, target, spelled = m["source_base"], m["target_base"], m["source_repr"]
    if target == 10:
        return Made(
            {"n": spelled, "s": source, "t": 10},
            f"print(int('{spelled}', {source}))",
            m["target_repr"],
            m["target_repr"],
        )
    if target not in BASE_LETTERS:
        return None
    code = f"print(format(int('{spelled}', {source}), '{BASE_LETTERS[target]}'))"
    return Made({"n": spelled, "s": source, "t": target}, code, m["target_repr"], m["target_repr"], "text")


def _leg_counting(m: Metadata, rng: random.Random) -> Made | None:
    animals = m["animals"]
    if not set(animals) <= set(LEGS) or not 2 <= len(animals) <= 4:
        return None
    words = [f"{count} {_plural(name)}" for name, count in animals.items()]
    code = f"print({' + '.join(f'{count} * {LEGS[name]}' for name, count in animals.items())})"
    total = str(m["total_legs"])
    return Made({"l": f"{', '.join(words[:-1])} and {words[-1]}"}, code, total, total)


def _plural(name: str) -> str:
    if name in ("sheep", "deer", "shrimp"):
        return name
    return f"{name[:-1]}ies" if name.endswith("fly") else f"{name}s"


def _number_filtering(m: Metadata, rng: random.Random) -> Made | None:
    signs = {"keep_larger": ("Keep", "larger", ">"), "keep_smaller": ("Keep", "smaller", "<"),
             "remove_larger": ("Remove", "larger", "<="), "remove_smaller": ("Remove", "smaller", ">=")}  # fmt: skip
    verb, word, sign = signs[m["operation"]]
    numbers, limit = m["original_numbers"], m["filter_value"]
    code = f"print([n for n in [{', '.join(numbers)}] if n {sign} {limit}])"
    slots = {"l": _joined(numbers, rng), "V": verb, "v": verb.lower(), "w": word, "n": limit}
    return Made(slots, code, _printed(m["result"]), str(m["result"]), "list")


def _number_sorting(m: Metadata, rng: random.Random) -> Made | None:
    numbers, is_down = m["original_numbers"], m["direction"] == "descending"
    code = f"print(sorted([{', '.join(numbers)}]{', reverse=True' if is_down else ''}))"
    slots = {"l": _joined(numbers, rng), "o": m["direction"]}
    return Made(slots, code, _printed(m["sorted_numbers"]), str(m["sorted_numbers"]), "list")


def _bitwise(m: Metadata, rng: random.Random) -> Made | None:
    expression = m["problem"][1:-1] if m["problem"].startswith("((") else m["problem"]
    return Made({"e": expression}, f"print(hex({expression}))", m["answer"], m["answer"], "text")


def _letter_counting(m: Metadata, rng: random.Random) -> Made | None:
    text, letter = " ".join(m["span"]), m["target_letter"]
    if not text.isascii() or set(text) & set("'\"\\") or len(text) > 50:
        return None
    return Made({"q": letter, "w": f'"{text}"'}, f"print('{text}'.lower().count('{letter}'))", m["answer"], m["answer"])


def _spell_backward(m: Metadata, rng: random.Random) -> Made | None:
    word = m["word"]
    return Made({"w": word}, f"print(' {word}'[::-1])", word[::-1], word[::-1], "text")


def _word_reversal(m: Metadata, rng: random.Random) -> Made | None:
    words = m["words"]
    if not 3 <= len(words) <= 7 or not all(word.isascii() and word.isalpha() for word in words):
        return None
    code = f"print(', '.join(' {' '.join(words)}'.split()[::-1]))"
    return Made({"l": ", ".join(words)}, code, ", ".join(words[::-1]), ", ".join(words[::-1]), "list")


def _time_intervals(m: Metadata, rng: random.Random) -> Made | None:
    if m["task_type"] != "time" or m["expected_format"] != "HH:MM":
        return None
    start, end = m["start_time"][11:16], m["end_time"][11:16]
    code = (
        "from datetime import datetime; d = datetime.strptime; f = '%H:%M'; "
        f"s = (d('{end}', f) - d('{start}', f)).seconds; print(f'{{s // 3600:02d}}:{{s // 60 % 60:02d}}')"
    )
    return Made({"a": start, "b": end}, code, m["answer"], m["answer"], "text")


def _polygon(m: Metadata, rng: random.Random) -> Made | None:
    angles = [f"{angle:g}" for angle in m["known_angles"]]
    code = f"print(({m['n_sides']} - 2) * 180 - ({' + '.join(angles)}))"
    slots = {"n": m["n_sides"], "l": _joined(angles, random.Random(0)), "k": len(angles)}
    return Made(slots, code, m["answer"], m["answer"])


def _expression(m: Metadata, rng: random.Random) -> Made | None:
    return Made({"e": m["expression"]}, f"print({m['expression']})", m["answer"], m["answer"])


TASKS: dict[str, Callable[[Metadata, random.Random], Made | None]] = {
    "count_bits": _count_bits,
    "base_conversion": _base_conversion,
    "leg_counting": _leg_counting,
    "number_filtering": _number_filtering,
    "number_sorting": _number_sorting,
    "bitwise_arithmetic": _bitwise,
    "letter_counting": _letter_counting,
    "spell_backward": _spell_backward,
    "word_sequence_reversal": _word_reversal,
    "time_intervals": _time_intervals,
    "simple_geometry": _polygon,
    "products": _expression,
    "chain_sum": _expression,
}
# Items of a size that people type; each generator's own defaults are longer.
OPTIONS: dict[str, dict[str, Any]] = {
    "count_bits": {"max_n": 100_000},
    "leg_counting": {"min_animals": 2, "max_animals": 3},
    "number_filtering": {"max_numbers": 6, "max_decimals": 2},
    "number_sorting": {"max_numbers": 6, "max_decimals": 2},
    "word_sequence_reversal": {"max_words": 7},
    "simple_geometry": {"max_sides": 6},
    "letter_counting": {"max_words": 6},
}


@cache
def _dataset(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a dependency of theirs has `is "literal"`
        import reasoning_gym

    return reasoning_gym.create_dataset(name, size=ITEMS_STOP, seed=0, **OPTIONS.get(name, {}))


def _made(name: str, rng: ProblemRandom) -> Made:
    """The first item that compiles and whose answer its own generator scores 1."""
    dataset = _dataset(name)
    for _ in range(DRAWS_MAX):
        item = dataset[rng.randrange(HELD_OUT_SEED_FIRST) + (HELD_OUT_SEED_FIRST if rng.is_held_out else 0)]
        made = TASKS[name]({**item["metadata"], "answer": str(item["answer"])}, rng)
        if made is not None and dataset.score_answer(made.scored, item) == 1:
            return made
    raise AssertionError(f"{name!r}: none of {DRAWS_MAX} items compiles")


PHRASINGS = {name: Phrasings(train=train, held_out=held_out) for name, (train, held_out) in WORDINGS.items()}


def reasoning_gym(rng: ProblemRandom, phrasings: Split) -> Problem:
    name = rng.choice(list(TASKS))
    made = _made(name, rng)
    question, phrasing_id = PHRASINGS[name].ask(rng, phrasings, **made.slots)
    return Problem(
        family="reasoning_gym",
        question=question,
        thought="Let Python do it.",
        calls=(Call("execute_python", {"code": made.code}),),
        conclusion="That is the answer.",
        answer=made.answer,
        answer_kind=made.kind,
        phrasing_id=f"{name}-{phrasing_id}",
        result=made.answer,
    )


if importlib.util.find_spec("reasoning_gym") is not None:
    family("reasoning_gym", weight=2.0)(reasoning_gym)
