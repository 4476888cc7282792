"""Number theory for `symbolic_math`: functions of whole numbers, and congruences with their common solution."""

import math
import re
from collections.abc import Callable
from typing import Any

import sympy
from sympy.ntheory import modular, residue_ntheory

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call
from gpu_node.tools.maths_grammar import read

FACTORED_BITS_MAX = 200  # 60 digits: a product of two primes of 30 digits takes seconds
WHOLE_BITS_MAX = 4_000  # of other arguments
PRIMES_SHOWN_MAX = 1_000
PRIMES_UP_TO_MAX = 100_000_000
MODULUS_SEARCHED_MAX = 100_000  # of a congruence that is not linear: all residues are tried
CONGRUENCES_MAX = 16

_CONGRUENCE = re.compile(r"(.+?)(?:≡|==?)(.+?)\(?\s*\bmod(?:ulo)?\b\s*\(?\s*(\d+)\s*\)*\s*")


def number_theory(call: Call) -> str:
    if _CONGRUENCE.search(call.expression):
        return _congruences(call)
    reading = read(call.expression, variables=frozenset(call.variable_names), functions=FUNCTIONS)
    call.reading = reading
    shown = [call.show(part) for part in reading.parts]
    return shown[0] if len(shown) == 1 else "[" + ", ".join(shown) + "]"


# ---------------------------------------------------------------- functions


def _whole(bits_max: int, build: Callable[..., Any]) -> Callable[..., Any]:
    """Of whole numbers only, each bounded; anything that SymPy refuses is said."""

    def checked(*arguments: Any) -> Any:
        numbers = [_integer(argument, bits_max) for argument in arguments]
        return _as_sympy(build(*numbers))

    return checked


def _integer(argument: Any, bits_max: int) -> int:
    if not (isinstance(argument, sympy.Expr) and argument.is_Integer):
        raise ToolInputError("whole numbers are needed here")
    if int(argument).bit_length() > bits_max:
        raise ToolInputError(f"a number is too large: at most {int(bits_max * 0.30103)} digits")
    return int(argument)


def _as_sympy(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return sympy.Tuple(*map(_as_sympy, value))
    if isinstance(value, bool):
        return sympy.true if value else sympy.false
    return sympy.Integer(value) if isinstance(value, int) else value


def _numbers(argument: Any) -> list[int]:
    if not isinstance(argument, sympy.MatrixBase):
        raise ToolInputError("give lists, such as crt([2, 3], [5, 7])")
    return [_integer(value, WHOLE_BITS_MAX) for value in argument]


def _factored(number: int) -> Any:
    if abs(number) < 2:
        return sympy.Integer(number)
    powers = [
        sympy.Pow(prime, power, evaluate=False) if power > 1 else sympy.Integer(prime)
        for prime, power in sympy.factorint(abs(number)).items()
    ]
    powers = powers if number > 0 else [sympy.Integer(-1), *powers]
    return sympy.Mul(*powers, evaluate=False) if len(powers) > 1 else powers[0]


def _primes(low: int, high: int) -> list[int]:
    if high > PRIMES_UP_TO_MAX:
        raise ToolInputError(f"primes are listed up to {PRIMES_UP_TO_MAX}")
    found: list[int] = []
    for prime in sympy.primerange(max(low, 2), high + 1):
        found.append(int(prime))
        if len(found) > PRIMES_SHOWN_MAX:
            raise ToolInputError(f"more than {PRIMES_SHOWN_MAX} primes: use primepi(n) to count them")
    return found


def _bounded(limit: int, build: Callable[[int], Any]) -> Callable[..., Any]:
    def checked(number: int) -> Any:
        if not 0 < number <= limit:
            raise ToolInputError(f"a whole number from 1 to {limit} is needed")
        return build(number)

    return _whole(WHOLE_BITS_MAX, checked)


def _inverse(number: int, modulus: int) -> int:
    if modulus < 2 or math.gcd(number, modulus) != 1:
        raise ToolInputError(f"{number} has no inverse modulo {modulus}")
    return pow(number, -1, modulus)


def _power(base: int, exponent: int, modulus: int) -> int:
    if modulus < 1 or (exponent < 0 and math.gcd(base, modulus) != 1):
        raise ToolInputError("the modulus must be above 0, and prime to the base where the exponent is negative")
    return pow(base, exponent, modulus)


def _remainders(residues: Any, moduli: Any) -> Any:
    left, right = _numbers(residues), _numbers(moduli)
    if len(left) != len(right) or not 0 < len(left) <= CONGRUENCES_MAX or min(right) < 1:
        raise ToolInputError("crt needs as many residues as moduli, such as crt([2, 3], [5, 7])")
    found = modular.crt(right, left)
    if found is None:
        raise ToolInputError("these congruences contradict each other")
    return sympy.Integer(int(found[0]))


def _bezout(left: int, right: int) -> tuple[int, int, int]:
    x, y, divisor = sympy.gcdex(sympy.Integer(left), sympy.Integer(right))
    return int(x), int(y), int(divisor)


def _continued(value: Any) -> Any:
    if not (isinstance(value, sympy.Expr) and (value.is_Rational or (value**2).is_Rational)):
        raise ToolInputError("continued_fraction needs a fraction or a square root")
    return _as_sympy(sympy.continued_fraction(value))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "factorint": _whole(FACTORED_BITS_MAX, _factored),
    "primefactors": _whole(FACTORED_BITS_MAX, lambda n: sympy.primefactors(n)),
    "primes": _whole(WHOLE_BITS_MAX, _primes),
    "prime": _bounded(1_000_000, sympy.prime),
    "primepi": _bounded(PRIMES_UP_TO_MAX, lambda n: int(sympy.primepi(n))),
    "modinv": _whole(WHOLE_BITS_MAX, _inverse),
    "powmod": _whole(WHOLE_BITS_MAX, _power),
    "crt": _remainders,
    "gcdex": _whole(WHOLE_BITS_MAX, _bezout),
    "jacobi": _whole(WHOLE_BITS_MAX, lambda a, n: int(sympy.jacobi_symbol(a, n))),
    "order": _whole(FACTORED_BITS_MAX, lambda a, n: int(sympy.n_order(a, n))),
    "primitive_root": _whole(FACTORED_BITS_MAX, lambda n: int(sympy.primitive_root(n) or 0)),
    "mobius": _whole(FACTORED_BITS_MAX, lambda n: int(sympy.mobius(n))),
    "divisor_count": _whole(FACTORED_BITS_MAX, lambda n: int(sympy.divisor_count(n))),
    "divisor_sum": _whole(FACTORED_BITS_MAX, lambda n: int(sympy.divisor_sigma(n))),
    "partitions": _bounded(10_000, lambda n: int(sympy.partition(n))),
    "continued_fraction": _continued,
}


# ---------------------------------------------------------------- congruences


def _congruences(call: Call) -> str:
    """`x = 2 mod 3, x = 3 mod 5`: one residue class for all, or the residues of one that is not linear."""
    texts = [text for text in re.split(r"[,;](?![^()]*\))", call.expression) if text.strip()]
    if len(texts) > CONGRUENCES_MAX:
        raise ToolInputError(f"more than {CONGRUENCES_MAX} congruences")
    solved = [_Congruence(text, call) for text in texts]
    variable = solved[0].variable
    if any(one.variable != variable for one in solved):
        raise ToolInputError("congruences are solved for one unknown")
    residues, modulus = solved[0].residues, solved[0].modulus
    for one in solved[1:]:
        residues, modulus = _joined(residues, modulus, one.residues, one.modulus)
    if not residues:
        return "no solution"
    call.results.append(_as_sympy(residues[0] if len(residues) == 1 else residues))
    listed = ", ".join(map(str, residues))
    return f"{variable} = {listed} (mod {modulus})"


class _Congruence:
    """The residues of one congruence; linear ones of any size, others by trial."""

    def __init__(self, text: str, call: Call) -> None:
        match = _CONGRUENCE.fullmatch(text.strip())
        if match is None:
            raise ToolInputError("write congruences as x = 2 mod 3, x = 3 mod 5")
        self.modulus = int(match[3])
        if not 1 < self.modulus or self.modulus.bit_length() > WHOLE_BITS_MAX:
            raise ToolInputError("a modulus must be above 1")
        left, right = (read(side, variables=frozenset(call.variable_names)).parts for side in (match[1], match[2]))
        if len(left) != 1 or len(right) != 1:
            raise ToolInputError("write congruences as x = 2 mod 3, x = 3 mod 5")
        difference = left[0] - right[0]
        symbols = sorted(difference.free_symbols, key=str)
        if len(symbols) != 1:
            raise ToolInputError("congruences are solved for one unknown")
        self.variable = symbols[0]
        self.residues = self._solved(sympy.Poly(difference, self.variable))

    def _solved(self, polynomial: Any) -> list[int]:
        coefficients = polynomial.all_coeffs()
        if not all(coefficient.is_Integer for coefficient in coefficients):
            raise ToolInputError("a congruence needs whole coefficients")
        if len(coefficients) == 2:
            factor, constant = map(int, coefficients)
            divisor = math.gcd(factor, self.modulus)
            if constant % divisor:
                return []
            step = self.modulus // divisor
            self.modulus = step
            return [-constant // divisor * pow(factor // divisor, -1, step) % step]
        if self.modulus > MODULUS_SEARCHED_MAX:
            raise ToolInputError(f"a congruence that is not linear needs a modulus up to {MODULUS_SEARCHED_MAX}")
        found = residue_ntheory.polynomial_congruence(polynomial.as_expr(), self.modulus)
        return sorted(int(residue) for residue in found)


def _joined(left: list[int], left_modulus: int, right: list[int], right_modulus: int) -> tuple[list[int], int]:
    modulus = math.lcm(left_modulus, right_modulus)
    if len(left) * len(right) > MODULUS_SEARCHED_MAX:
        raise ToolInputError("there are too many solutions")
    pairs = (modular.crt([left_modulus, right_modulus], [a, b]) for a in left for b in right)
    return sorted(int(found[0]) for found in pairs if found is not None), modulus
