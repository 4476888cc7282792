"""Random mathematical expressions in two spellings: as people write them, and as Python (for SymPy: the known answer).

People's spelling varies (x^2, x**2, x², 2x, 2*x, with and without spaces), but is the same within one expression.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gpu_node.tools.maths_grammar import read

VARIABLES = ("x",) * 12 + ("t", "y", "z", "n", "u", "a", "w", "s", "k", "m", "p", "r", "b", "v")
_SUPERSCRIPTS = {2: "²", 3: "³"}


@dataclass(frozen=True)
class Expression:
    human: str
    python: str

    def __str__(self) -> str:
        return self.human

    @property
    def value(self) -> Any:
        """The SymPy expression."""
        return exact(self.python)


def exact(python: str) -> Any:
    """The SymPy value of a fully spelled expression."""
    (part,) = read(python).parts
    return part


@dataclass(frozen=True)
class Spelling:
    power: str  # "^", "**" or "²"
    times: str  # "" or "*"
    spaced: bool
    is_bare: bool  # sin x, ln 2x instead of sin(x), ln(2x)
    is_e: bool  # e^x instead of exp(x)

    @classmethod
    def draw(cls, rng: random.Random) -> "Spelling":
        return cls(
            power=rng.choices(("^", "**", "²"), (75, 15, 10))[0],
            times=rng.choices(("", "*"), (80, 20))[0],
            spaced=rng.random() < 0.85,
            is_bare=rng.random() < 0.15,
            is_e=rng.random() < 0.5,
        )

    def raised(self, base: str, exponent: int) -> str:
        if exponent == 1:
            return base
        if self.power == "²":
            return base + _SUPERSCRIPTS[exponent] if exponent in _SUPERSCRIPTS else f"{base}^{exponent}"
        return f"{base}{self.power}{exponent}"

    def sum(self, terms: Sequence[Expression]) -> Expression:
        """Terms joined; a leading minus of a later term becomes the operator."""
        human, python = terms[0].human, terms[0].python
        plus, minus = (" + ", " - ") if self.spaced else ("+", "-")
        for term in terms[1:]:
            human += minus + term.human[1:] if term.human.startswith("-") else plus + term.human
            python += f" + ({term.python})"
        return Expression(human, python)

    def term(self, coefficient: int, variable: str, exponent: int) -> Expression:
        if exponent == 0:
            return Expression(str(coefficient), str(coefficient))
        power = self.raised(variable, exponent)
        python = f"{coefficient}*{variable}**{exponent}"
        if coefficient in (1, -1):
            return Expression(power if coefficient == 1 else f"-{power}", python)
        return Expression(f"{coefficient}{self.times}{power}", python)

    def polynomial(self, coefficients: Sequence[int], variable: str) -> Expression:
        """Highest power first; zero coefficients left out."""
        degree = len(coefficients) - 1
        terms = [self.term(c, variable, degree - i) for i, c in enumerate(coefficients) if c]
        return self.sum(terms) if terms else Expression("0", "0")

    def product(self, *factors: Expression) -> Expression:
        """Factors side by side; a letter or digit before a name needs a mark between."""
        human = factors[0].human
        for factor in factors[1:]:
            if " " in human and not human.endswith(")"):
                human = f"({human})"  # sin x cos x would be one argument
            joint = self.times
            if not joint and not factor.human.startswith("("):
                joint = " " if self.spaced else "*"
            human += joint + factor.human
        return Expression(human, "*".join(f"({f.python})" for f in factors))

    def bracket(self, inner: Expression, exponent: int = 1) -> Expression:
        return Expression(self.raised(f"({inner.human})", exponent), f"({inner.python})**{exponent}")

    def call(self, function: str, inner: Expression) -> Expression:
        is_short = re.fullmatch(r"\d*[a-z]", inner.human) is not None
        python = f"{_PYTHON_NAMES.get(function, function)}({inner.python})"
        if function == "exp" and self.is_e:
            exponent = inner.human if len(inner.human) == 1 else f"({inner.human})"
            return Expression(f"e{'**' if self.power == '**' else '^'}{exponent}", python)
        if self.is_bare and is_short and function not in ("exp", "sqrt"):
            return Expression(f"{function} {inner.human}", python)
        return Expression(f"{function}({inner.human})", python)

    def scaled(self, coefficient: int, inner: Expression) -> Expression:
        if coefficient == 1:
            return inner
        if coefficient == -1:
            return Expression(f"-{inner.human}", f"-({inner.python})")
        joint = self.times
        return Expression(f"{coefficient}{joint}{inner.human}", f"{coefficient}*({inner.python})")


_PYTHON_NAMES = {"ln": "log"}


def nonzero(rng: random.Random, limit: int) -> int:
    value = rng.randint(1, limit)
    return value if rng.random() < 0.6 else -value


def polynomial_draw(
    rng: random.Random, spelling: Spelling, variable: str, *, degree: int, limit: int = 9
) -> Expression:
    """A polynomial of exactly this degree with 1-4 terms."""
    coefficients = [0] * (degree + 1)
    coefficients[0] = rng.choice((1, 1, 2, 3, 4, 5, rng.randint(1, limit), -rng.randint(1, limit)))
    for place in rng.sample(range(1, degree + 1), min(degree, rng.choice((0, 1, 1, 1, 2, 2, 3)))):
        coefficients[place] = nonzero(rng, limit if rng.random() < 0.8 else 4 * limit)
    return spelling.polynomial(coefficients, variable)


def linear_inner(rng: random.Random, spelling: Spelling, variable: str) -> Expression:
    """The inside of a function: x, 2x, 3x + 1, x^2."""
    kind = rng.random()
    if kind < 0.45:
        return spelling.polynomial([1, 0], variable)
    if kind < 0.75:
        return spelling.polynomial([rng.randint(2, 9), 0], variable)
    if kind < 0.9:
        return spelling.polynomial([rng.randint(1, 6), nonzero(rng, 9)], variable)
    return spelling.polynomial([1, 0, 0], variable)


FUNCTIONS = ("sin", "cos", "exp", "log", "ln", "tan", "sqrt")


def function_draw(rng: random.Random, spelling: Spelling, variable: str) -> Expression:
    """sin(2x), 3cos(x), e.g. one elementary function, sometimes scaled."""
    name = rng.choices(FUNCTIONS, (24, 22, 18, 8, 12, 8, 8))[0]
    atom = spelling.call(name, linear_inner(rng, spelling, variable))
    return spelling.scaled(rng.choice((1, 1, 1, 2, 3, 4, 5, 7, -1, -2)), atom)


def smooth_draw(rng: random.Random, spelling: Spelling, variable: str) -> Expression:
    """A function for calculus: polynomials most of the time, elementary functions, products, compositions."""
    kind = rng.random()
    if kind < 0.4:
        return polynomial_draw(rng, spelling, variable, degree=rng.choice((1, 2, 2, 3, 3, 4, 5, 6)))
    if kind < 0.55:
        return function_draw(rng, spelling, variable)
    if kind < 0.7:
        power = spelling.term(1, variable, rng.choice((1, 1, 2, 2, 3, 4)))
        name = rng.choices(FUNCTIONS, (24, 22, 18, 8, 12, 8, 8))[0]
        return spelling.product(power, spelling.call(name, linear_inner(rng, spelling, variable)))
    if kind < 0.85:
        first = function_draw(rng, spelling, variable)
        second = spelling.term(nonzero(rng, 9), variable, rng.choice((1, 2, 2, 3, 4)))
        return spelling.sum([first, second] if rng.random() < 0.5 else [second, first])
    if kind < 0.93:
        inner = polynomial_draw(rng, spelling, variable, degree=rng.choice((1, 2)))
        return spelling.bracket(inner, rng.randint(2, 5))
    first, second = (spelling.call(n, spelling.polynomial([1, 0], variable)) for n in rng.sample(FUNCTIONS[:5], 2))
    return spelling.product(first, second) if rng.random() < 0.6 else spelling.sum([first, second])
