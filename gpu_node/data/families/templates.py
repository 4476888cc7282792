"""A small notation for many wordings of one question, expanded when a module is loaded.

`[a|b|c]` in a template stands for each of its alternatives: "[What is|Find] the sum" is two templates.
`alternatives` expands each template; `stories` joins every combination of sentences in order.
Held-out wordings are written by hand as other sentences, never as a mere other combination of trained ones.
"""

import itertools
import re
from collections.abc import Sequence

_CHOICE = re.compile(r"\[([^\[\]]*)\]")


def alternatives(templates: Sequence[str]) -> list[str]:
    """Every expansion of every template, in order, without repeats."""
    expanded: dict[str, None] = {}
    for template in templates:
        pieces = _CHOICE.split(template)
        options = [piece.split("|") if index % 2 else [piece] for index, piece in enumerate(pieces)]
        for combination in itertools.product(*options):
            expanded["".join(combination)] = None
    return list(expanded)


def stories(*parts: Sequence[str]) -> list[str]:
    """Every story of one sentence from each part, joined by spaces."""
    return [" ".join(combination) for combination in itertools.product(*(alternatives(part) for part in parts))]


def listed(items: Sequence[object], last: str = "and") -> str:
    """ "a, b and c"."""
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
