"""Cuts human mathematical notation into tokens and makes it explicit: `2x²` becomes `2 * x ** 2`.

Covers implicit multiplication, unicode signs, superscripts, functions without parentheses (`sin 2x`, `sin^2 x`),
`5!` and `|x|`. Knows nothing of SymPy and evaluates nothing: `maths_grammar` builds from these tokens.

Invariant: every token's text is one of the operators below, a checked number or a checked name, so nothing else
of the model's text goes any further.
"""

# ruff: noqa: RUF001 - these signs are the language that is read

import re
from dataclasses import dataclass, field
from typing import Literal

from gpu_node.tools.errors import ToolInputError

CHARACTERS_MAX = 4_000  # of one expression: the longest honest matrix or system stays under it
TOKENS_MAX = 2_000  # bounds the tree's nodes before anything is built
DEPTH_MAX = 64  # nested brackets: Python's own parser refuses about 200
DIGITS_MAX = 1_000  # of one number: longer ones come only from abuse
DECIMAL_EXPONENT_MAX = 1_000  # `1e1000000000` took 462 MB in SymPy
NAME_LETTERS_MAX = 32  # of one name

Kind = Literal["number", "name", "function", "operator", "relation", "open", "close", "separator"]


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str


@dataclass
class LexerState:
    """What the scan has seen so far."""

    tokens: list[Token] = field(default_factory=list)
    brackets: list[str] = field(default_factory=list)
    has_decimals: bool = False


_TRANSLATED = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "•": "*", "∗": "*", "÷": "/", "∕": "/",
        "⁄": "/", "≤": "<=", "≥": ">=", "≠": "!=", "π": " pi ", "∞": " oo ", "√": " sqrt ", "½": "(1/2)", "¼": "(1/4)",
        "¾": "(3/4)", "⅓": "(1/3)", "⅔": "(2/3)", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\n": " ", "\t": " ",
        "\r": " ", "’": "'",
    }
)  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_SUPERSCRIPT_RUN = re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
# `12 x 15`: an x between two numbers, in a text with no other letter, is a multiplication sign.
_TIMES_BY_X = re.compile(r"(?<=[\d)])\s*[xX]\s*(?=\d)")
_ASKS_FOR_VALUE = re.compile(r"\s*=\s*\?*\s*$")  # the end of `2 + 2 = ?`
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,]|\s*[A-Za-z])")
_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+(?![A-Za-z_]))?")
_NAME = re.compile(r"[A-Za-zα-ωΑ-Ω][A-Za-zα-ωΑ-Ω]*(?:_?\d+|_[A-Za-z0-9]+)?")
_SIGN = re.compile(r"\*\*|==|!=|<=|>=|->|[-+*/^%=<>()\[\]{},;!|']")
_CLOSES = {")": "(", "]": "[", "}": "(", "|": "|"}
# Words that are never a product of letters, as `xy` is.
_WHOLE_WORDS = frozenset("and or not sum lim int the is of if for to by in as at".split())
_RELATIONS = frozenset({"=", "==", "!=", "<", "<=", ">", ">="})


def lex(text: str, *, functions: frozenset[str], constants: frozenset[str]) -> LexerState:
    """Tokens of `text` with every multiplication and power explicit.

    Raises:
        ToolInputError: too long, too deep, an unbalanced bracket or a character that is no mathematics.
    """
    if len(text) > CHARACTERS_MAX:
        raise ToolInputError(f"the expression has {len(text)} characters, more than {CHARACTERS_MAX}")
    if "\\" in text:
        raise ToolInputError("LaTeX is not read: write it plainly, such as (x+1)/2, sqrt(x), x^2")
    text = _SUPERSCRIPT_RUN.sub(lambda run: "^(" + run.group().translate(_SUPERSCRIPTS) + ")", text)
    text = _ASKS_FOR_VALUE.sub("", text.translate(_TRANSLATED).strip().rstrip("?."))
    if not re.search("[A-Za-z]", numbers_only := _TIMES_BY_X.sub("*", text)):
        text = numbers_only
    state = LexerState()
    position = 0
    while position < len(text):
        if text[position] == " ":
            position += 1
            continue
        position = _scan_one(text, position, state, functions, constants)
        if len(state.tokens) > TOKENS_MAX:
            raise ToolInputError(f"the expression has more than {TOKENS_MAX} parts")
    if state.brackets:
        raise ToolInputError(f"a closing bracket is missing for {state.brackets[-1]!r}")
    state.tokens = _powers_of_functions(state.tokens)
    state.tokens = _functions_applied(_multiplications_explicit(state.tokens))
    state.tokens = _factorials_applied(state.tokens)
    return state


def _scan_one(text: str, position: int, state: LexerState, functions: frozenset[str], constants: frozenset[str]) -> int:
    if not state.brackets and (match := _THOUSANDS.match(text, position)):
        state.tokens.append(Token("number", match.group().replace(",", "")))
        return match.end()
    if match := _NUMBER.match(text, position):
        state.tokens.append(_number(match.group()))
        state.has_decimals |= "." in match.group()
        return match.end()
    if match := _NAME.match(text, position):
        if match.group() == "mod" and _ends_operand(state.tokens):
            state.tokens.append(Token("operator", "%"))
        elif match.group() == "and":
            state.tokens.append(Token("separator", ","))
        else:
            state.tokens.extend(_names(match.group(), functions, constants))
        return match.end()
    if match := _SIGN.match(text, position):
        state.tokens.append(_sign(match.group(), state))
        return match.end()
    raise ToolInputError(f"{text[position]!r} is not read: use numbers, names, + - * / ^ and brackets")


def _number(text: str) -> Token:
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > DIGITS_MAX or len(exponent) > 6 or abs(int(exponent or 0)) > DECIMAL_EXPONENT_MAX:
        raise ToolInputError(f"a number has more than {DIGITS_MAX} digits")
    return Token("number", text)


def _names(name: str, functions: frozenset[str], constants: frozenset[str]) -> list[Token]:
    if len(name) > NAME_LETTERS_MAX:
        raise ToolInputError(f"a name has more than {NAME_LETTERS_MAX} letters")
    for spelled in (name, name.lower()):
        if spelled in functions and len(spelled) > 1:
            return [Token("function", spelled)]
        if spelled in constants and len(spelled) > 1:
            return [Token("name", spelled)]
    if name.isalpha() and name.isascii() and 1 < len(name) <= 3 and name not in _WHOLE_WORDS:  # `xy` is x*y
        return [Token("name", letter) for letter in name]
    return [Token("name", name)]


def _sign(sign: str, state: LexerState) -> Token:
    if sign == "|":
        # After an operand and with one open, a bar closes; otherwise it opens.
        closes = bool(state.brackets) and state.brackets[-1] == "|" and _ends_operand(state.tokens)
        if not closes:
            state.tokens.append(Token("function", "abs"))
    else:
        closes = sign in _CLOSES
    if closes:
        if not state.brackets or state.brackets.pop() != _CLOSES[sign]:
            raise ToolInputError(f"{sign!r} closes a bracket that was not opened")
        return Token("close", "]" if sign == "]" else ")")
    if sign in "([{|":
        state.brackets.append("(" if sign == "{" else sign)
        if len(state.brackets) > DEPTH_MAX:
            raise ToolInputError(f"brackets are nested deeper than {DEPTH_MAX}")
        return Token("open", "[" if sign == "[" else "(")
    if sign in ",;":
        return Token("separator", ",")
    if sign in _RELATIONS:
        return Token("relation", "=" if sign == "==" else sign)
    if sign in ("->", "'"):
        raise ToolInputError(f"{sign!r} is not read in an expression")
    return Token("operator", "**" if sign == "^" else sign)


def _ends_operand(tokens: list[Token]) -> bool:
    return bool(tokens) and (tokens[-1].kind in ("number", "name", "close") or tokens[-1].text == "!")


def _group_end(tokens: list[Token], start: int) -> int:
    """Index after the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(tokens)):
        depth += {"open": 1, "close": -1}.get(tokens[index].kind, 0)
        if depth == 0:
            return index + 1
    return len(tokens)


def _power_end(tokens: list[Token], start: int) -> int:
    """Index after the exponent that follows the `**` at `start`; `start` itself when it is not simple."""
    index = start + 1
    while index < len(tokens) and tokens[index].text in ("-", "+"):
        index += 1
    if index >= len(tokens):
        return start
    if tokens[index].kind == "open":
        return _group_end(tokens, index)
    return index + 1 if tokens[index].kind in ("number", "name") else start


def _powers_of_functions(tokens: list[Token]) -> list[Token]:
    """`sin^2 x` and `sin²(x)` become `sin(x)^2`: the power moves behind the argument."""
    result: list[Token] = []
    index = 0
    while index < len(tokens):
        result.append(tokens[index])
        index += 1
        if result[-1].kind != "function" or index >= len(tokens) or tokens[index].text != "**":
            continue
        power_end = _power_end(tokens, index)
        power = tokens[index:power_end]
        if any(token.text == "-" for token in power):
            raise ToolInputError(f"write the inverse as a{result[-1].text}(x), or as 1/{result[-1].text}(x)")
        argument_end = _argument_end(tokens, power_end)
        if power_end == index or argument_end == power_end:
            raise ToolInputError(f"{result[-1].text} needs an argument, such as {result[-1].text}(x)")
        argument = tokens[power_end:argument_end]
        if argument[0].kind != "open":
            argument = [Token("open", "("), *argument, Token("close", ")")]
        result.extend([*argument, *power])
        index = argument_end
    return result


def _argument_end(tokens: list[Token], start: int) -> int:
    """Index after the argument of a function written without parentheses: `2x` of `sin 2x + 1`."""
    if start < len(tokens) and tokens[start].kind == "open":
        return _group_end(tokens, start)
    index = start
    if index < len(tokens) and tokens[index].text in ("-", "+"):
        index += 1
    first = index
    while index < len(tokens):
        token = tokens[index]
        if token.text == "**" and index > first:
            end = _power_end(tokens, index)
            if end == index:
                break
            index = end
        elif token.kind in ("number", "name"):
            index += 1
        else:
            break
    return index if index > first else start


def _multiplications_explicit(tokens: list[Token]) -> list[Token]:
    """Marks implicit products with `·`, which binds like `*` but holds a bare function's argument together."""
    result: list[Token] = []
    for token in tokens:
        if _ends_operand(result) and token.kind in ("number", "name", "function", "open"):
            is_two_numbers = token.kind == "number" and result[-1].kind == "number"
            if is_two_numbers:
                raise ToolInputError(f"an operator is missing between {result[-1].text} and {token.text}")
            result.append(Token("operator", "·"))
        result.append(token)
    return result


def _functions_applied(tokens: list[Token]) -> list[Token]:
    """Puts the parentheses into `sin 2x`, innermost first, so that `sqrt ln x` works too."""
    result = list(tokens)
    for index in range(len(result) - 1, -1, -1):
        if result[index].kind != "function":
            continue
        if index + 1 < len(result) and result[index + 1].text == "(":
            continue
        end = _bare_argument_end(result, index + 1)
        if end == index + 1:
            name = result[index].text
            raise ToolInputError(f"{name} needs an argument, such as {name}(x)")
        result[index + 1 : end] = [Token("open", "("), *result[index + 1 : end], Token("close", ")")]
    return [Token("operator", "*") if token.text == "·" else token for token in result]


def _bare_argument_end(tokens: list[Token], start: int) -> int:
    index = start
    while index < len(tokens) and tokens[index].text in ("-", "+"):
        index += 1
    first = index
    while index < len(tokens):
        token = tokens[index]
        if token.kind == "open" and (index == first or tokens[index - 1].text in ("·", "**")):
            if index > first and tokens[index - 1].text == "·":
                return index - 1
            index = _group_end(tokens, index)
            if tokens[first].kind == "open" and tokens[first].text == "[":
                return index
        elif token.kind == "function":
            if index > first:  # `sin x cos x`: the next function begins a factor of its own
                return index - 1 if tokens[index - 1].text == "·" else index
            index = _group_end(tokens, index + 1)
        elif token.kind in ("number", "name") or token.text == "·":
            index += 1
        elif token.text == "**":
            index += 1
            while index < len(tokens) and tokens[index].text in ("-", "+"):
                index += 1
        else:
            break
    return index if index > first else start


def _factorials_applied(tokens: list[Token]) -> list[Token]:
    """`n!` and `(n+1)!` become `factorial(…)`."""
    result: list[Token] = []
    for token in tokens:
        if token.text != "!":
            result.append(token)
            continue
        if not result or result[-1].kind not in ("number", "name", "close"):
            raise ToolInputError("'!' must follow a number, a name or a bracket")
        start = _operand_start(result)
        result[start:] = [Token("function", "factorial"), Token("open", "("), *result[start:], Token("close", ")")]
    return result


def _operand_start(tokens: list[Token]) -> int:
    index = len(tokens) - 1
    if tokens[index].kind == "close":
        depth = 0
        while True:
            depth += {"close": 1, "open": -1}.get(tokens[index].kind, 0)
            if depth == 0:
                break
            index -= 1
    return index - 1 if index and tokens[index - 1].kind == "function" else index
