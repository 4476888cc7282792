"""Reads human mathematics into SymPy, without ever evaluating text.

Tokens of `maths_lexer` are respelled with placeholders only (`_3 * _0 ** _1`), parsed to a Python `ast`, checked
node by node against an allowlist and built with SymPy constructors. `sympify`, `parse_expr` and `S()` of text
execute what they read, so they appear nowhere in this folder; no letter of the model's text reaches a parser.

Sizes are checked before a value is built: powers, factorials, matrices. What still runs too long is ended from
outside by the fence; this module is no substitute for it.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import sympy
from sympy.polys.polyerrors import BasePolynomialError

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_lexer import DEPTH_MAX, Token, lex

NODES_MAX = 2_000  # of the tree
TREE_DEPTH_MAX = 2 * DEPTH_MAX  # a bracket can cost two levels: a call and its operand
SYMBOLS_MAX = 32  # different names in one expression
POWER_BITS_MAX = 100_000  # bits of a power's value: 9**9**9 has 1.2 billion
INTEGER_BITS_MAX = 300_000  # of any number met while building; 20000! has 256,909
SYMBOLIC_EXPONENT_MAX = 2_000  # factor(x**2000 - 1) takes 0.6 s; more takes minutes
SUM_EXPONENT_MAX = 60  # expand((x+y+z)**300) does not end
PART_EXPONENTS_MAX = 40  # together, in the argument of re and im: a tenth of a second
FACTORIAL_ARGUMENT_MAX = 20_000  # factorial(10**6) takes 4.6 s
MATRIX_NUMERIC_MAX, MATRIX_SYMBOLIC_MAX = 12, 6  # rows or columns: a 12x12 symbolic det does not end in 8 s
RELATIONS_MAX = 16  # equations of one system


@dataclass(frozen=True)
class Reading:
    """What an expression says: comma-separated parts, each a SymPy expression, matrix or relation."""

    parts: tuple[Any, ...]
    has_decimals: bool
    symbols: tuple[sympy.Symbol, ...] = field(default=())  # in order of first appearance


def _limited_integer(name: str, limit: int) -> Callable[..., Any]:
    function = getattr(sympy, name)

    def build(*arguments: Any) -> Any:
        for argument in arguments:
            if argument.is_number and argument.has(function):  # forty signs after `i` took 40 s to compare
                raise ToolInputError(f"{name} of {name} works for whole numbers only")
            if argument.is_number and not abs(argument) <= limit:
                raise ToolInputError(f"the argument of {name} is above {limit}")
        return function(*arguments)

    return build


def _integer_function(name: str, build: Callable[..., Any], bits_max: int) -> Callable[..., Any]:
    def checked(*arguments: Any) -> Any:
        for argument in arguments:
            if not argument.is_Integer:
                raise ToolInputError(f"{name} needs whole numbers")
            if int(argument).bit_length() > bits_max:
                raise ToolInputError(f"the argument of {name} is too large")
        return build(*arguments)

    return checked


def _logarithm(value: Any, base: Any = None) -> Any:
    return sympy.log(value) if base is None else sympy.log(value, base)


def _root(value: Any, degree: Any = sympy.Integer(2)) -> Any:
    return _power(value, 1 / degree)


def _fold(function: Callable[..., Any]) -> Callable[..., Any]:
    def folded(first: Any, *rest: Any) -> Any:
        for other in rest:
            first = function(first, other)
        return first

    return folded


def _matrix_only(name: str, build: Callable[[Any], Any]) -> Callable[..., Any]:
    def checked(argument: Any) -> Any:
        if not isinstance(argument, sympy.MatrixBase):
            raise ToolInputError(f"{name} needs a matrix, such as [[1,2],[3,4]]")
        return build(argument)

    return checked


def _square_only(name: str, build: Callable[[Any], Any]) -> Callable[..., Any]:
    def checked(matrix: Any) -> Any:
        if not matrix.is_square:
            raise ToolInputError(f"{name} needs a square matrix, not {matrix.rows}x{matrix.cols}")
        return build(matrix)

    return _matrix_only(name, checked)


def _inverse(matrix: Any) -> Any:
    if matrix.det() == 0:
        raise ToolInputError("the matrix has no inverse: its determinant is 0")
    return matrix.inv()


def _eigenvalues(matrix: Any) -> Any:
    values = [value for value, times in matrix.eigenvals().items() for _ in range(times)]
    return sympy.Tuple(*sorted(values, key=sympy.default_sort_key))


def _vectors(name: str, build: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def checked(left: Any, right: Any) -> Any:
        for vector in (left, right):
            if not isinstance(vector, sympy.MatrixBase) or 1 not in vector.shape:
                raise ToolInputError(f"{name} needs two vectors, such as [1,2,3]")
        return build(left, right)

    return checked


def _part_of(name: str, build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """SymPy multiplies a power out to find its real part: (a + b i)^911 is minutes of work."""

    def checked(value: Any) -> Any:
        powers = value.atoms(sympy.Pow) if isinstance(value, sympy.Basic) else ()
        exponents = [abs(int(p.exp)) for p in powers if p.exp.is_Integer and not p.base.is_real]
        if sum(exponents) > PART_EXPONENTS_MAX:
            raise ToolInputError(f"{name} takes powers of complex unknowns up to {PART_EXPONENTS_MAX}")
        return build(value)

    return checked


_CANNOT_BE_BUILT = (
    TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError, RecursionError, BasePolynomialError,
)  # fmt: skip
_ELEMENTARY = (
    "sin cos tan cot sec csc asin acos atan acot asec acsc atan2 sinh cosh tanh coth asinh acosh atanh exp "
    "floor ceiling sign arg conjugate erf Heaviside"
).split()
_DETERMINANT = _square_only("det", lambda m: m.det())
_INVERSE = _square_only("inv", _inverse)
_TRANSPOSE = _matrix_only("transpose", lambda m: m.T)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(sympy, name) for name in _ELEMENTARY},
    **{f"arc{name}": getattr(sympy, f"a{name}") for name in ("sin", "cos", "tan", "cot")},
    "re": _part_of("re", sympy.re),
    "im": _part_of("im", sympy.im),
    "ceil": sympy.ceiling,
    "ln": _logarithm,
    "log": _logarithm,
    "log2": lambda value: sympy.log(value, 2),
    "log10": lambda value: sympy.log(value, 10),
    "lg": lambda value: sympy.log(value, 10),
    "sqrt": _root,
    "cbrt": lambda value: _root(value, sympy.Integer(3)),
    "root": _root,
    "abs": sympy.Abs,
    "max": sympy.Max,
    "min": sympy.Min,
    "factorial": _limited_integer("factorial", FACTORIAL_ARGUMENT_MAX),
    "gamma": _limited_integer("gamma", FACTORIAL_ARGUMENT_MAX),
    "binomial": _limited_integer("binomial", FACTORIAL_ARGUMENT_MAX),
    "choose": _limited_integer("binomial", FACTORIAL_ARGUMENT_MAX),
    "fibonacci": _limited_integer("fibonacci", FACTORIAL_ARGUMENT_MAX),
    "gcd": _fold(sympy.gcd),
    "lcm": _fold(sympy.lcm),
    "mod": lambda left, right: _modulo(left, right),
    "isprime": _integer_function("isprime", lambda n: sympy.true if sympy.isprime(n) else sympy.false, 4_000),
    "nextprime": _integer_function("nextprime", lambda n: sympy.Integer(sympy.nextprime(n)), 500),
    "prevprime": _integer_function("prevprime", lambda n: sympy.Integer(sympy.prevprime(n)), 500),
    "totient": _integer_function("totient", sympy.totient, 64),
    "divisors": _integer_function("divisors", lambda n: sympy.Tuple(*sympy.divisors(n)), 64),
    "det": _DETERMINANT,
    "determinant": _DETERMINANT,
    "inv": _INVERSE,
    "inverse": _INVERSE,
    "transpose": _TRANSPOSE,
    "trace": _square_only("trace", lambda m: m.trace()),
    "rank": _matrix_only("rank", lambda m: sympy.Integer(m.rank())),
    "rref": _matrix_only("rref", lambda m: m.rref()[0]),
    "eigenvalues": _square_only("eigenvalues", _eigenvalues),
    "eigenvals": _square_only("eigenvalues", _eigenvalues),
    "dot": _vectors("dot", lambda left, right: left.dot(right)),
    "cross": _vectors("cross", lambda left, right: left.cross(right)),
}
CONSTANTS: dict[str, Any] = {
    "pi": sympy.pi,
    "e": sympy.E,
    "E": sympy.E,
    "i": sympy.I,
    "I": sympy.I,
    "oo": sympy.oo,
    "inf": sympy.oo,
    "infinity": sympy.oo,
}
_RESERVED = frozenset(
    "sum product prod integral integrate diff derivative lim int limit solve lambda import eval "
    "or not the is of if for to by in as at what find".split()
)
_RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": sympy.Eq,
    "!=": sympy.Ne,
    "<": sympy.StrictLessThan,
    "<=": sympy.LessThan,
    ">": sympy.StrictGreaterThan,
    ">=": sympy.GreaterThan,
}


def read(
    text: str,
    *,
    variables: frozenset[str] = frozenset(),
    functions: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
    constants: Mapping[str, Any] = MappingProxyType({}),
) -> Reading:
    """Reads an expression, an equation or a comma-separated system.

    `variables` are names that the caller solves for or differentiates by, so `e` or `i` among them is a variable.
    `functions` and `constants` are known beside the usual ones; such a function checks its arguments itself.

    Raises:
        ToolInputError: says what to repair. Nothing else is raised, whatever `text` holds.
    """
    state = lex(
        text, functions=frozenset(FUNCTIONS) | functions.keys(), constants=frozenset(CONSTANTS) | constants.keys()
    )
    if not state.tokens:
        raise ToolInputError("the expression is empty")
    builder = _Builder(variables, functions, constants)
    try:
        parts = tuple(builder.relation(tokens) for tokens in _split(state.tokens))
    except ToolInputError:
        raise
    except _CANNOT_BE_BUILT as error:
        # SymPy's constructors raise these for operands that do not fit, such as a matrix of another shape.
        raise ToolInputError(f"the expression cannot be built: {str(error)[:120] or type(error).__name__}") from error
    return Reading(parts=parts, has_decimals=state.has_decimals, symbols=tuple(builder.symbols.values()))


def _split(tokens: list[Token]) -> list[list[Token]]:
    """Cuts at the separators outside all brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        if token.kind == "separator" and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    parts = [part for part in parts if part]
    if not parts:
        raise ToolInputError("the expression is empty")
    if len(parts) > RELATIONS_MAX:
        raise ToolInputError(f"more than {RELATIONS_MAX} equations")
    return parts


class _Builder:
    """Builds the parts of one text, which share their symbols."""

    def __init__(
        self, variables: frozenset[str], functions: Mapping[str, Callable[..., Any]], constants: Mapping[str, Any]
    ) -> None:
        self._variables = variables
        self._functions = functions
        self._constants = constants
        self.symbols: dict[str, sympy.Symbol] = {}
        self._leaves: list[Any] = []

    def relation(self, tokens: list[Token]) -> Any:
        sides: list[list[Token]] = [[]]
        signs: list[str] = []
        for token in tokens:
            if token.kind == "relation":
                signs.append(token.text)
                sides.append([])
            else:
                sides[-1].append(token)
        if any(not side for side in sides):
            raise ToolInputError(f"one side of {signs[0]!r} is missing")
        values = [self.expression(side) for side in sides]
        if not signs:
            return values[0]
        if len(signs) > 1 and (len(signs) > 2 or "=" in signs or "!=" in signs):
            raise ToolInputError("an equation has one '=': separate equations with commas")
        for value in values:
            if not isinstance(value, sympy.Expr):
                raise ToolInputError("both sides of a relation must be expressions")
        relations = [_RELATIONS[sign](values[i], values[i + 1]) for i, sign in enumerate(signs)]
        return relations[0] if len(relations) == 1 else sympy.And(*relations)

    def expression(self, tokens: list[Token]) -> Any:
        self._leaves = []
        source = " ".join(self._placeholder(token) for token in tokens)
        try:
            tree = ast.parse(source, mode="eval")
        except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
            raise ToolInputError(f"the expression is not well formed: {_spelled(tokens)[:80]!r}") from error
        _check_size(tree)
        return self._build(tree.body)

    def _placeholder(self, token: Token) -> str:
        if token.kind in ("number", "name", "function"):
            self._leaves.append(token)
            return f"_{len(self._leaves) - 1}"
        return token.text

    def _build(self, node: ast.expr) -> Any:
        match node:
            case ast.Name():
                return self._leaf(self._leaves[int(node.id[1:])])
            case ast.UnaryOp(op=ast.USub()):
                return -self._build(node.operand)
            case ast.UnaryOp(op=ast.UAdd()):
                return self._build(node.operand)
            case ast.BinOp():
                return _operate(node.op, self._build(node.left), self._build(node.right))
            case ast.Call(func=ast.Name() as function, keywords=[]):
                return self._call(self._leaves[int(function.id[1:])], [self._build(argument) for argument in node.args])
            case ast.List():
                return _matrix([self._build(element) for element in node.elts])
            case _:
                raise ToolInputError("commas in brackets belong to a function or a matrix [[1,2],[3,4]]")

    def _leaf(self, token: Token) -> Any:
        if token.kind == "number":
            return sympy.Rational(token.text)
        if token.kind == "function":
            raise ToolInputError(f"{token.text} needs an argument, such as {token.text}(x)")
        if token.text in self._constants:
            return self._constants[token.text]
        if token.text in CONSTANTS and token.text not in self._variables:
            return CONSTANTS[token.text]
        if token.text in _RESERVED:
            raise ToolInputError(f"{token.text!r} is not read in an expression: choose the operation instead")
        if token.text not in self.symbols and len(self.symbols) >= SYMBOLS_MAX:
            raise ToolInputError(f"more than {SYMBOLS_MAX} different names")
        return self.symbols.setdefault(token.text, sympy.Symbol(token.text))

    def _call(self, token: Token, arguments: list[Any]) -> Any:
        if token.kind != "function":
            raise ToolInputError(f"{token.text!r} is not a function that is known")
        is_for_matrices = token.text in _MATRIX_FUNCTIONS or token.text in self._functions
        if not is_for_matrices and any(not isinstance(argument, sympy.Expr) for argument in arguments):
            raise ToolInputError(f"{token.text} needs a number or an expression")
        try:
            function = self._functions[token.text] if token.text in self._functions else FUNCTIONS[token.text]
            return _checked(function(*arguments))
        except TypeError as error:
            raise ToolInputError(f"{token.text} does not take these {len(arguments)} arguments") from error


_MATRIX_FUNCTIONS = frozenset(
    "det determinant inv inverse transpose trace rank rref eigenvalues eigenvals dot cross".split()
)


def _spelled(tokens: list[Token]) -> str:
    return " ".join(token.text for token in tokens)


def _check_size(tree: ast.AST) -> None:
    """Counts nodes and depth without recursion, before anything is built."""
    num_nodes = 0
    level: list[ast.AST] = [tree]
    for _ in range(TREE_DEPTH_MAX):
        num_nodes += len(level)
        if num_nodes > 2 * NODES_MAX:  # ast counts operators and contexts as nodes too
            raise ToolInputError(f"the expression has more than {NODES_MAX} parts")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    # A long sum is deep too, since it leans to the left: sums and products alone may be deep.
    if any(not isinstance(node, ast.BinOp | ast.Name | ast.operator | ast.expr_context) for node in level):
        raise ToolInputError(f"the expression is nested deeper than {TREE_DEPTH_MAX}")


def _operate(operator: ast.operator, left: Any, right: Any) -> Any:
    match operator:
        case ast.Add():
            return _checked(left + right)
        case ast.Sub():
            return _checked(left - right)
        case ast.Mult():
            return _checked(left * right)
        case ast.Div():
            if isinstance(right, sympy.MatrixBase):
                raise ToolInputError("a matrix cannot be divided by: multiply by inv(...)")
            return _checked(left / right)
        case ast.Mod():
            return _modulo(left, right)
        case ast.Pow():
            return _power(left, right)
        case _:
            raise ToolInputError("use + - * / ^ and % only")


def _modulo(left: Any, right: Any) -> Any:
    if right == 0:
        raise ToolInputError("the remainder of a division by 0 is undefined")
    return sympy.Mod(left, right)


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, sympy.MatrixBase):
        raise ToolInputError("an exponent cannot be a matrix")
    if isinstance(base, sympy.MatrixBase):
        if exponent == sympy.Symbol("T"):
            return base.T
        if not exponent.is_Integer or abs(exponent) > SUM_EXPONENT_MAX or not base.is_square:
            raise ToolInputError(f"a matrix power needs a square matrix and a whole exponent up to {SUM_EXPONENT_MAX}")
        return _inverse(base) ** -exponent if exponent < 0 else base**exponent
    if exponent.is_number:
        _check_power(base, exponent)
    elif base == 1:  # SymPy would ask whether the exponent is infinite, which takes a minute for 202^(x^484)
        return base
    return _checked(base**exponent)


def _check_power(base: Any, exponent: Any) -> None:
    size = abs(exponent.p) if exponent.is_Rational else None
    if base.is_number:
        if size is None:  # 2^sqrt(2) stays as it is; its numeric value must still be of a sane size
            is_small = abs(exponent.evalf(5)) <= POWER_BITS_MAX
        else:
            numbers = [n for n in base.atoms(sympy.Rational)] or [sympy.Integer(3)]
            bits = max(max(int(n.p).bit_length(), int(n.q).bit_length()) for n in numbers)
            is_small = size * (bits if abs(base) != 1 else 1) <= POWER_BITS_MAX
            if base in (0, 1, -1):
                is_small = True
            elif base.is_Add and size > SYMBOLIC_EXPONENT_MAX:
                is_small = False
    elif base.is_Add:
        is_small = size is None or size <= SUM_EXPONENT_MAX
    else:
        is_small = size is None or size <= SYMBOLIC_EXPONENT_MAX
    if not is_small:
        raise ToolInputError(f"the power is too large: exponent {str(exponent)[:30]}")


def _matrix(elements: list[Any]) -> Any:
    rows = [list(element) if isinstance(element, sympy.MatrixBase) else [element] for element in elements]
    nested = [isinstance(element, sympy.MatrixBase) and element.cols == 1 for element in elements]
    if not rows or any(nested) != all(nested) or len({len(row) for row in rows}) != 1:
        raise ToolInputError("matrix rows must have the same length, such as [[1,2],[3,4]]")
    if any(not isinstance(value, sympy.Expr) for row in rows for value in row):
        raise ToolInputError("matrix entries must be numbers or expressions")
    is_symbolic = any(value.free_symbols for row in rows for value in row)
    size_max = MATRIX_SYMBOLIC_MAX if is_symbolic else MATRIX_NUMERIC_MAX
    if max(len(rows), len(rows[0])) > size_max:
        raise ToolInputError(f"the matrix is larger than {size_max}x{size_max}")
    return sympy.ImmutableMatrix(rows)


def _checked(value: Any) -> Any:
    if isinstance(value, sympy.Rational) and max(int(value.p).bit_length(), int(value.q).bit_length()) > (
        INTEGER_BITS_MAX
    ):
        raise ToolInputError("a number in the expression is too large")
    return value
