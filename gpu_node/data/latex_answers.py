r"""Answers in LaTeX, respelled for the tools' grammar: `\frac{48 i-56}{85}` becomes `((48 i-56)/(85))`.

Covered: what a final answer holds: fractions, roots, powers, products, functions, relations, intervals, sets and small
matrices. Not covered: text around the mathematics, sums and integrals, macros of one's own; those come back as they
are, and the grammar then refuses them. Nothing is evaluated here. Invariant: text without LaTeX is unchanged but for
its dollar signs.
"""

import re

DEPTH_MAX = 40  # of nested groups: an answer is a line, and each level costs a call

_SPACING = frozenset("left right displaystyle textstyle limits nolimits quad qquad big Big bigg Bigg , ; ! : ".split())
_REPLACED = {
    "cdot": "*", "times": "*", "div": "/", "pi": "pi", "infty": "oo", "le": "<=", "leq": "<=", "leqslant": "<=",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "neq": "!=", "ne": "!=", "lt": "<", "gt": ">", "ln": " ln ",
    "log": " log ", "sin": " sin ", "cos": " cos ", "tan": " tan ", "cot": " cot ", "sec": " sec ", "csc": " csc ",
    "arcsin": " asin ", "arccos": " acos ", "arctan": " atan ", "sinh": " sinh ", "cosh": " cosh ", "tanh": " tanh ",
    "exp": " exp ", "%": "", "$": "", "circ": "", "degree": "", "{": "{", "}": "}", "cup": " or ", "lbrace": "{",
    "rbrace": "}", "lbrack": "[", "rbrack": "]", "vert": "|", "mid": "|", " ": " ", "\\": ";", "&": ",", "#": "",
    "_": "_",
}  # fmt: skip
_GREEK = frozenset("alpha beta delta epsilon theta mu nu rho sigma tau phi psi omega".split())
_WRAPPERS = frozenset("text textbf textit mathrm mathbf mathit operatorname mbox boxed fbox".split())
_TOKEN = re.compile(r"\\([a-zA-Z]+|.)\s*|([{}])|([^\\{}])", re.DOTALL)
_MATRIX = re.compile(
    r"(?:\\left\s*[\[(]\s*)?\\begin\{[pbv]?(?:matrix|array)\}(?:\{[^{}]*\})?(.*?)\\end\{[pbv]?(?:matrix|array)\}"
    r"(?:\s*\\right\s*[\])])?",
    re.DOTALL,
)


def latex_plain(text: str) -> str:
    """The answer in the grammar's spelling; what is nested too deeply comes back as it was."""
    text = text.strip().replace("−", "-")  # noqa: RUF001 - a real minus sign
    text = _MATRIX.sub(_matrix, text)
    if "\\" not in text and "{" not in text and "$" not in text:
        return text
    tokens = [found[0].rstrip() if found[1] else found[0] for found in _TOKEN.finditer(text.replace("$", ""))]
    try:
        plain, _ = _sequence(tokens, 0, depth=0)
    except _TooDeep:
        return text
    return re.sub(r"\s+", " ", plain).strip()


class _TooDeep(ValueError):
    pass


def _matrix(found: re.Match[str]) -> str:
    rows = [row.strip() for row in re.split(r"\\\\", found[1]) if row.strip().strip("&").strip()]
    return "[" + ", ".join("[" + ", ".join(cell.strip() for cell in row.split("&")) + "]" for row in rows) + "]"


def _sequence(tokens: list[str], place: int, *, depth: int) -> tuple[str, int]:
    """Respells up to the group's closing brace or the end; the place is the one after it."""
    if depth > DEPTH_MAX:
        raise _TooDeep
    out: list[str] = []
    while place < len(tokens):
        spelled = tokens[place]
        if spelled == "}":
            return "".join(out), place + 1
        if spelled == "^":
            power, place = _argument(tokens, place + 1, depth=depth)
            out.append("" if power.strip() == "" else f"**({power})")
        elif spelled.startswith("\\") and len(spelled) > 1:
            piece, place = _command(tokens, place, depth=depth)
            out.append(piece)
        elif spelled == "{":
            group, place = _sequence(tokens, place + 1, depth=depth + 1)
            out.append(f"({group})")
        else:
            out.append(spelled)
            place += 1
    return "".join(out), place


def _argument(tokens: list[str], place: int, *, depth: int) -> tuple[str, int]:
    """A group in braces, a command or a single character, without its braces."""
    while place < len(tokens) and tokens[place].isspace():
        place += 1
    if place >= len(tokens):
        return "", place
    if tokens[place] == "{":
        return _sequence(tokens, place + 1, depth=depth + 1)
    if tokens[place].startswith("\\") and len(tokens[place]) > 1:
        return _command(tokens, place, depth=depth + 1)
    return tokens[place], place + 1


def _command(tokens: list[str], place: int, *, depth: int) -> tuple[str, int]:
    if depth > DEPTH_MAX:
        raise _TooDeep
    name = tokens[place][1:]
    place += 1
    if name in ("frac", "dfrac", "tfrac", "cfrac"):
        top, place = _argument(tokens, place, depth=depth)
        bottom, place = _argument(tokens, place, depth=depth)
        return f"(({top})/({bottom}))", place
    if name == "sqrt":
        degree = ""
        if place < len(tokens) and tokens[place] == "[":
            end = tokens.index("]", place) if "]" in tokens[place:] else len(tokens) - 1
            degree, place = "".join(tokens[place + 1 : end]), end + 1
        inside, place = _argument(tokens, place, depth=depth)
        return (f"root(({inside}), {degree})" if degree else f"sqrt({inside})"), place
    if name in _WRAPPERS:
        return _argument(tokens, place, depth=depth)
    if name in _SPACING:
        return " ", place
    if name in _GREEK:
        return f" {name} ", place
    return _REPLACED.get(name, f"\\{name}"), place
