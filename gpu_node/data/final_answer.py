r"""Where in a text the final answer stands, and whether two final answers say the same.

A model may be asked for `#### 72`, may put its answer into `\boxed{}`, or end in a sentence. What is read is told
apart from what is equal, so that an evaluation can report strict, flexible and symbolic matches side by side.
Not here: kinds of our own families' answers (data/grading.py), which this builds on.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from gpu_node.data.grading import ANSWER_CHARACTERS_MAX, is_right, number_of
from gpu_node.data.latex_answers import latex_plain

PARTS_MAX = 16  # of a list of answers
NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
_MARKED = re.compile(r"(?:^|\W)(?:final\s+)?answer\s*(?:is|:|=)\s*(.+?)(?:\.\s|\.?$)", re.IGNORECASE | re.MULTILINE)
_RELATION = re.compile(r"(<=|>=|!=|<|>)")
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_NAME = re.compile(r"\s*([A-Za-z]\w*)\s*=(?!=)")
_NAMED = re.compile(r"=|[a-zA-Z]\s*:|\bor\b")  # values that have names, or are alternatives: they have no order
_SEVERAL_VALUES = re.compile(r"\d.*=|\bor\b|,(?!\d{3}(?!\d))")  # 1,200 is one value
_OPENERS, _CLOSERS = "([{", ")]}"


def boxed(text: str) -> str | None:
    r"""What the last `\boxed{…}` holds; None without one that closes."""
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if start < 0:
        return None
    start = text.index("{", start) + 1
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place].strip()
    return None


def marked(text: str) -> str | None:
    r"""The answer that is marked as such: boxed, after `####`, or after "the answer is"; None where none is."""
    if (found := boxed(text)) is not None:
        return found
    if "####" in text:
        return text.rpartition("####")[2].strip()
    said = _MARKED.findall(text)
    return said[-1].strip() if said else None


def final_answer(text: str) -> str:
    """The marked answer, or the whole text."""
    found = marked(text)
    return text.strip() if found is None else found


def last_number(text: str) -> str | None:
    found = NUMBER.findall(text)
    return re.sub(r"[$,]", "", found[-1]) if found else None


def same_value(expected: str, given: str) -> bool:
    """True when both say the same mathematics: an expression, a tuple or interval, or a list in any order.

    For grading; `same_answer` is a vote's, which knows less. LaTeX on either side is respelled first; nothing is
    evaluated but by the tools' grammar, and text above ANSWER_CHARACTERS_MAX is wrong whatever it says.
    """
    if max(len(expected), len(given)) > ANSWER_CHARACTERS_MAX:
        return False
    return _same(latex_plain(expected), latex_plain(given))


def same_answer(first: str, second: str) -> bool:
    """True when two answers to one question say the same, for a vote, which knows neither what is right nor what was
    asked for: so unlike in `same_value` a bare list keeps its order and a value its name, and of a number with words
    around it only the number counts. Text above ANSWER_CHARACTERS_MAX is compared as it stands.
    """
    if max(len(first), len(second)) > ANSWER_CHARACTERS_MAX:
        return first == second
    first, second = (latex_plain(_unset(text.strip())) for text in (first, second))
    if _RELATION.search(first) or _RELATION.search(second) or is_right("text", first, second):
        return _same(first, second)
    if _lone_number(first) is not None and _lone_number(second) is not None:
        return is_right("number", first, second)
    ours, theirs = _parts(first), _parts(second)
    if len(ours) > 1 and _NAMED.search(first) and _NAMED.search(second):
        return is_right("set", first, second)
    if len(ours) == len(theirs) <= PARTS_MAX and all(map(_same_part, ours, theirs)):
        return True
    if _inside(first) is not None and _inside(second) is not None and _brackets(first) != _brackets(second):
        return False  # (2, 3] is not (2, 3)
    return is_right("list", first, second)


def _lone_number(text: str) -> Fraction | None:
    """The one number of a text that gives a single value."""
    return None if _SEVERAL_VALUES.search(text) else number_of(text)


def _same(expected: str, given: str) -> bool:
    if is_right("text", expected, given):
        return True
    ours, theirs = _parts(_unset(expected)), _parts(_unset(given))
    if len(ours) != len(theirs) or len(ours) > PARTS_MAX:
        return False
    if len(ours) > 1:
        return _match_any_order(ours, theirs)
    return _same_part(ours[0], theirs[0]) if ours else False


def _match_any_order(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    left = list(theirs)
    for part in ours:
        # Among several values a name says which one is meant; a single one may be called otherwise.
        found = next((other for other in left if _may_be_one(part, other) and _same_part(part, other)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _may_be_one(first: str, second: str) -> bool:
    names = _NAME.match(first), _NAME.match(second)
    return names[0] is None or names[1] is None or names[0][1] == names[1][1]


def _same_part(expected: str, given: str) -> bool:
    first, second = _inside(expected), _inside(given)
    if first is not None and second is not None and _brackets(expected) == _brackets(given):
        ours, theirs = _parts(first), _parts(second)
        if len(ours) > 1 or len(theirs) > 1:  # a point or an interval: in order
            if not len(ours) == len(theirs) <= PARTS_MAX:
                return False
            return all(_same_part(a, b) for a, b in zip(ours, theirs, strict=True))
    if _RELATION.search(expected) or _RELATION.search(given):
        return _same_relation(expected, given)
    return is_right("expression", expected, given)


def _same_relation(expected: str, given: str) -> bool:
    """`x <= 3` is `3 >= x` and nothing else: sides are compared by value, signs as they point."""
    ours, theirs = _RELATION.split(expected), _RELATION.split(given)
    turned = [_TURNED.get(piece, piece) for piece in reversed(theirs)]
    return any(
        len(ours) == len(other)
        and ours[1::2] == other[1::2]
        and all(is_right("expression", a, b) for a, b in zip(ours[::2], other[::2], strict=True))
        for other in (theirs, turned)
    )


def _unset(text: str) -> str:
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text


def _inside(text: str) -> str | None:
    """What one outer pair of brackets encloses; None where the text is not one such group."""
    if len(text) < 2 or text[0] not in "([" or text[-1] not in ")]":
        return None
    depth = 0
    for place, character in enumerate(text):
        depth += (character in _OPENERS) - (character in _CLOSERS)
        if depth == 0 and place < len(text) - 1:
            return None
    return text[1:-1] if depth == 0 else None


def _brackets(text: str) -> str:
    return text[0] + text[-1]


def _parts(text: str) -> list[str]:
    r"""Cut at commas, semicolons, "or" and "and" outside all brackets; what holds a `\pm` is two parts."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(r"[()\[\]{}]|[,;]|\bor\b|\band\b", text):
        if found[0] in _OPENERS:
            depth += 1
        elif found[0] in _CLOSERS:
            depth -= 1
        elif depth == 0:
            parts.append(text[start : found.start()])
            start = found.end()
    parts.append(text[start:])
    signed = [part.replace("\\pm", sign, 1) for part in parts for sign in ("+-" if "\\pm" in part else "+")]
    return [part.strip() for part in signed if part.strip(" .")]
