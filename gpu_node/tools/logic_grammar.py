"""Reads the small constraint language of `logic_solver` into a tree, and finds each name's sort.

    Ann <-> not Bob        p -> (q or r)        1 <= A <= 5        distinct(A, B, C)        count(Ann, Bob) == 1

A name is an integer where it is used in arithmetic or compared with one, else a boolean. Knows nothing of Z3.
Invariant: a tree that was returned is well-sorted, so building it cannot fail.
"""

# ruff: noqa: RUF001, S105 - these signs are the language that is read

import re
from dataclasses import dataclass
from typing import Literal

from gpu_node.tools.errors import ToolInputError

CONSTRAINT_CHARACTERS_MAX = 2_000  # of one constraint
CONSTRAINTS_MAX = 200  # of one call
TOKENS_MAX = 8_000  # of one call, over all constraints
DEPTH_MAX = 60  # nested brackets and prefix operators: bounds our own recursion
OPERATORS_MAX = 200  # of one constraint: a chain is as deep as it is long, and is walked by recursion
NAMES_MAX = 200  # different names of one call
INTEGER_DIGITS_MAX = 30

Sort = Literal["bool", "int"]

_SPELLINGS = {
    "&": "and", "&&": "and", "∧": "and", "|": "or", "||": "or", "∨": "or", "~": "not", "!": "not", "¬": "not",
    "=>": "->", "→": "->", "⇒": "->", "<=>": "<->", "↔": "<->", "⇔": "<->", "=": "==", "≠": "!=", "≤": "<=", "≥": ">=",
    "−": "-", "×": "*", "·": "*", "implies": "->", "iff": "<->", "True": "true", "False": "false", "AND": "and",
    "OR": "or", "NOT": "not", "XOR": "xor", "^": "xor",
}  # fmt: skip
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+)|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign><->|<=>|->|=>|==|!=|<=|>=|&&|\|\||[-+*<>=()!~&|,^∧∨¬→⇒↔⇔≠≤≥−×·]))"
)
_BINDING = {"<->": 1, "->": 2, "or": 3, "xor": 4, "and": 5, "==": 7, "!=": 7, "<": 7, "<=": 7, ">": 7, ">=": 7}
_BINDING |= {"+": 8, "-": 8, "*": 9}
_NOT_BINDING, _MINUS_BINDING = 6, 10
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
FUNCTIONS = frozenset({"distinct", "count", "abs"})
_WORDS = frozenset({"and", "or", "xor", "not", "true", "false"}) | FUNCTIONS


@dataclass(frozen=True)
class Term:
    """`head` is an operator, a function, `name`, `number`, `true` or `false`; `value` spells the latter ones."""

    head: str
    arguments: tuple["Term", ...] = ()
    value: str = ""


@dataclass(frozen=True)
class Reading:
    terms: tuple[Term, ...]
    sorts: dict[str, Sort]  # of every name, in order of first appearance
    objective: Term | None = None  # a number


def read(constraints: list[str], *, objective: str = "") -> Reading:
    """Reads constraints, all of which must be true or false statements, and the number to make least or greatest.

    Raises:
        ToolInputError: says which constraint and what to repair.
    """
    if len(constraints) > CONSTRAINTS_MAX:
        raise ToolInputError(f"more than {CONSTRAINTS_MAX} constraints")
    terms: list[Term] = []
    num_tokens = 0
    for number, text in enumerate(constraints, start=1):
        try:
            parser = _Parser(_tokens(text))
            num_tokens += len(parser.tokens)
            if num_tokens > TOKENS_MAX:
                raise ToolInputError("the constraints are too long together")
            terms.append(parser.whole())
        except ToolInputError as error:
            raise ToolInputError(f"constraint {number} {text[:60]!r}: {error}") from error
    if not objective:
        return Reading(terms=tuple(terms), sorts=_Sorts().infer(terms))
    wanted = _Parser(_tokens(objective)).whole()
    return Reading(terms=tuple(terms), sorts=_Sorts().infer(terms, wanted), objective=wanted)


def _tokens(text: str) -> list[str]:
    if len(text) > CONSTRAINT_CHARACTERS_MAX:
        raise ToolInputError(f"more than {CONSTRAINT_CHARACTERS_MAX} characters")
    text = text.strip().rstrip(".;")
    tokens: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ToolInputError(f"{text[position:].strip()[:1]!r} is not read")
        token = match.group().strip()
        if match["number"] and len(token) > INTEGER_DIGITS_MAX:
            raise ToolInputError(f"a number has more than {INTEGER_DIGITS_MAX} digits")
        tokens.append(_SPELLINGS.get(token, token))
        position = match.end()
    if not tokens:
        raise ToolInputError("it is empty")
    return tokens


class _Parser:
    """Precedence climbing; `->` groups to the right, comparisons may be chained."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self._position = 0
        self._depth = 0

    def whole(self) -> Term:
        if sum(token in _BINDING for token in self.tokens) > OPERATORS_MAX:
            raise ToolInputError(f"more than {OPERATORS_MAX} operators: split it into several constraints")
        term = self._expression(0)
        if self._next is not None:
            raise ToolInputError(f"an operator is missing before {self._next!r}")
        return term

    @property
    def _next(self) -> str | None:
        return self.tokens[self._position] if self._position < len(self.tokens) else None

    def _take(self, expected: str | None = None) -> str:
        token = self._next
        if token is None or (expected is not None and token != expected):
            raise ToolInputError(
                f"{expected or 'a name or number'!r} is missing" + (f" before {token!r}" if token else "")
            )
        self._position += 1
        return token

    def _expression(self, binding_min: int) -> Term:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ToolInputError(f"nested deeper than {DEPTH_MAX}")
        left = self._operand()
        while self._next in _BINDING and _BINDING[self._next] >= max(binding_min, 1):
            operator = self._take()
            binding = _BINDING[operator]
            if operator in _COMPARISONS:
                left = self._comparison(left, operator)
            else:
                right = self._expression(binding if operator == "->" else binding + 1)
                left = Term(operator, (left, right))
        self._depth -= 1
        return left

    def _comparison(self, left: Term, operator: str) -> Term:
        links: list[Term] = []
        while True:
            right = self._expression(_BINDING["+"])
            links.append(Term(operator, (left, right)))
            if self._next not in _COMPARISONS:
                break
            left, operator = right, self._take()
        term = links[0]
        for link in links[1:]:
            term = Term("and", (term, link))
        return term

    def _operand(self) -> Term:
        token = self._take()
        if token == "(":
            term = self._expression(0)
            self._take(")")
            return term
        if token == "not":
            return Term("not", (self._expression(_NOT_BINDING),))
        if token == "-":
            return Term("negative", (self._expression(_MINUS_BINDING),))
        if token.isdigit():
            return Term("number", value=token)
        if token in ("true", "false"):
            return Term(token)
        if token in FUNCTIONS:
            return self._call(token)
        if token in _WORDS or not (token[0].isalpha() or token[0] == "_"):
            raise ToolInputError(f"a name is missing before {token!r}")
        if self._next == "(":
            raise ToolInputError(f"{token!r} is not a function: use distinct, count or abs")
        return Term("name", value=token)

    def _call(self, function: str) -> Term:
        self._take("(")
        arguments = [self._expression(0)]
        while self._next == ",":
            self._take()
            arguments.append(self._expression(0))
        self._take(")")
        if function == "abs" and len(arguments) != 1:
            raise ToolInputError("abs takes one argument")
        return Term(function, tuple(arguments))


class _Sorts:
    """Finds sorts: what arithmetic touches is an integer, what a connective touches a boolean, `==` joins both."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._sort: dict[str, Sort] = {}  # of group representatives
        self._names: list[str] = []

    def infer(self, terms: list[Term], objective: Term | None = None) -> dict[str, Sort]:
        for term in terms:
            self._require(term, "bool")
        if objective is not None:
            self._require(objective, "int")
        return {name: self._sort.get(self._group(name), "bool") for name in self._names}

    def _group(self, key: str) -> str:
        while self._parent[key] != key:
            key = self._parent[key]
        return key

    def _require(self, term: Term, sort: Sort) -> None:
        self._decide(self._key(term), sort, term)

    def _decide(self, key: str, sort: Sort, term: Term) -> None:
        group = self._group(key)
        known = self._sort.setdefault(group, sort)
        if known != sort:
            what = term.value or term.head
            wanted = "a number" if sort == "int" else "true or false"
            raise ToolInputError(f"{what!r} is used both as a number and as true or false: {wanted} is needed here")

    def _join(self, terms: tuple[Term, ...]) -> None:
        first = self._group(self._key(terms[0]))
        for term in terms[1:]:
            other = self._group(self._key(term))
            if other == first:
                continue
            if other in self._sort:
                self._decide(first, self._sort[other], term)
            self._parent[other] = first

    def _key(self, term: Term) -> str:
        """The group that the term's sort belongs to; visits the term's arguments on the way."""
        match term.head:
            case "name":
                if term.value not in self._parent:
                    if len(self._names) >= NAMES_MAX:
                        raise ToolInputError(f"more than {NAMES_MAX} names")
                    self._parent[term.value] = term.value
                    self._names.append(term.value)
                return term.value
            case "+" | "-" | "*" | "negative" | "abs":
                self._require_all(term, "int")
                return self._fixed("int")
            case "number":
                return self._fixed("int")
            case "count":
                self._require_all(term, "bool")
                return self._fixed("int")
            case "<" | "<=" | ">" | ">=":
                self._require_all(term, "int")
            case "==" | "!=" | "distinct":
                self._join(term.arguments)
                if len(term.arguments) > 2:  # three different booleans do not exist
                    self._require(term.arguments[0], "int")
            case _:
                self._require_all(term, "bool")
        return self._fixed("bool")

    def _require_all(self, term: Term, sort: Sort) -> None:
        for argument in term.arguments:
            self._require(argument, sort)

    def _fixed(self, sort: Sort) -> str:
        # A fresh group each time: joining two constants must not make their groups one.
        key = f" {sort} {len(self._parent)}"
        self._parent[key] = key
        self._sort[key] = sort
        return key
