"""Conversion of units for `symbolic_math`: exact, by a table of units as products of the seven base units and the bit.

Temperatures on the Celsius and Fahrenheit scales are converted as points of a scale. Not covered: currencies, decibels.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import sympy

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call
from gpu_node.tools.maths_grammar import read

_R = sympy.Rational
_METRE, _KILOGRAM, _SECOND, _AMPERE, _KELVIN, _MOLE, _CANDELA, _BIT = _BASES = sympy.symbols(
    "m kg s A K mol cd bit", positive=True
)
_NEWTON = _KILOGRAM * _METRE / _SECOND**2
_JOULE, _PASCAL = _NEWTON * _METRE, _NEWTON / _METRE**2
_WATT = _JOULE / _SECOND
_COULOMB, _VOLT = _AMPERE * _SECOND, _WATT / _AMPERE
_LITRE = _METRE**3 / 1000
_INCH, _POUND = _METRE * _R("0.0254"), _KILOGRAM * _R("0.45359237")
_MILE, _GALLON = 63_360 * _INCH, 231 * _INCH**3

_PREFIXED: dict[str, Any] = {
    "m": _METRE, "metre": _METRE, "meter": _METRE, "g": _KILOGRAM / 1000, "gram": _KILOGRAM / 1000, "s": _SECOND,
    "second": _SECOND, "A": _AMPERE, "ampere": _AMPERE, "mol": _MOLE, "N": _NEWTON, "newton": _NEWTON, "J": _JOULE,
    "joule": _JOULE, "W": _WATT, "watt": _WATT, "Pa": _PASCAL, "pascal": _PASCAL, "Hz": 1 / _SECOND,
    "hertz": 1 / _SECOND, "V": _VOLT, "volt": _VOLT, "C": _COULOMB, "coulomb": _COULOMB, "ohm": _VOLT / _AMPERE,
    "F": _COULOMB / _VOLT, "farad": _COULOMB / _VOLT, "L": _LITRE, "l": _LITRE, "litre": _LITRE, "liter": _LITRE,
    "eV": _JOULE * _R("1.602176634e-19"), "Wh": 3600 * _JOULE, "cal": _JOULE * _R("4.184"),
    "calorie": _JOULE * _R("4.184"), "bar": 100_000 * _PASCAL, "B": 8 * _BIT, "byte": 8 * _BIT, "bit": _BIT,
}  # fmt: skip
_PREFIXES = {
    "p": -12, "n": -9, "u": -6, "m": -3, "c": -2, "d": -1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12, "nano": -9,
    "micro": -6, "milli": -3, "centi": -2, "deci": -1, "hecto": 2, "kilo": 3, "mega": 6, "giga": 9, "tera": 12,
}  # fmt: skip
_OTHERS: dict[str, Any] = {
    "K": _KELVIN, "kelvin": _KELVIN, "cd": _CANDELA, "candela": _CANDELA, "min": 60 * _SECOND,
    "minute": 60 * _SECOND, "h": 3600 * _SECOND, "hr": 3600 * _SECOND, "hour": 3600 * _SECOND,
    "day": 86_400 * _SECOND, "week": 604_800 * _SECOND, "year": _R("365.25") * 86_400 * _SECOND,
    "t": 1000 * _KILOGRAM, "tonne": 1000 * _KILOGRAM, "ha": 10_000 * _METRE**2, "hectare": 10_000 * _METRE**2,
    "acre": 4840 * (36 * _INCH) ** 2, "atm": 101_325 * _PASCAL, "mmHg": _R("133.322387415") * _PASCAL,
    "psi": _POUND * _R("9.80665") / _INCH**2 * _METRE / _SECOND**2, "inch": _INCH, "ft": 12 * _INCH,
    "foot": 12 * _INCH, "feet": 12 * _INCH, "inches": _INCH, "yd": 36 * _INCH, "yard": 36 * _INCH, "mi": _MILE,
    "mile": _MILE, "mph": _MILE / (3600 * _SECOND), "kph": _R(5, 18) * _METRE / _SECOND,
    "knot": _R(1852, 3600) * _METRE / _SECOND, "nmi": 1852 * _METRE, "lb": _POUND, "pound": _POUND,
    "oz": _POUND / 16, "ounce": _POUND / 16, "stone": 14 * _POUND, "gal": _GALLON, "gallon": _GALLON,
    "quart": _GALLON / 4, "pint": _GALLON / 8, "cup": _GALLON / 16, "tbsp": _GALLON / 256, "tsp": _GALLON / 768,
    "hp": _R("745.69987158227022") * _WATT, "lightyear": 9_460_730_472_580_800 * _METRE,
    "au": 149_597_870_700 * _METRE, "angstrom": _METRE * _R(1, 10**10), "rad": sympy.Integer(1),
    "radian": sympy.Integer(1), "deg": sympy.pi / 180, "degree": sympy.pi / 180,
    "rpm": 2 * sympy.pi / (60 * _SECOND), "percent": _R(1, 100), "dozen": sympy.Integer(12),
    "KiB": 8 * 2**10 * _BIT, "MiB": 8 * 2**20 * _BIT, "GiB": 8 * 2**30 * _BIT, "TiB": 8 * 2**40 * _BIT,
}  # fmt: skip


def _names() -> dict[str, tuple[str, int]]:
    """Of each name, the unit that it stands for and the power of ten: symbols take letters, words take words."""
    names: dict[str, tuple[str, int]] = {}
    for name in _PREFIXED:
        is_word = (len(name) > 3 and name.islower()) or name in ("byte", "bit")
        for prefix, power in _PREFIXES.items():
            if is_word == (len(prefix) > 1) or (name == "bit" and prefix in "kMG"):
                names[prefix + name] = (name, power)
    names |= {name: (name, 0) for name in (*_PREFIXED, *_OTHERS)}
    words = [name for name in names if len(name) > 3 and name.islower() and not name.endswith("s")]
    return names | {f"{name}s": names[name] for name in words}


class _Units(Mapping[str, Any]):
    """The value of a unit by any of its names, computed when it is asked for."""

    _of = _names()

    def __getitem__(self, name: str) -> Any:
        unit, power = self._of[name]
        value = _PREFIXED[unit] if unit in _PREFIXED else _OTHERS[unit]
        return value * sympy.Integer(10) ** power

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)


UNITS = _Units()
QUANTITY_CHARACTERS_MAX = 200  # a unit of many factors has 40
# Powers of powers take SymPy minutes to build and to compare.
_BAD_POWER = re.compile(r"(\^|\*\*)(?!\s*(\(\s*-?\d{1,2}\s*\)|-?\d{1,2})(?!\s*\^|\s*\*\*|[\w.]))")
_SCALES = {"c": "C", "f": "F", "k": "K", "celsius": "C", "fahrenheit": "F", "kelvin": "K"}
_POINT = re.compile(
    r"(?:(?P<value>.*?)\s*)?(?:°\s*|deg(?:rees?)?\s*)?(?P<scale>celsius|fahrenheit|kelvin|[CFK])", re.IGNORECASE
)
# "5 in to cm": `in` divides only where `to` does not.
_TARGETS = (re.compile(r"(.+?)\s+(?:to|into|->|→)\s+([^,]+)"), re.compile(r"(.+)\s+(?:in|as)\s+([^,]+)"))


def convert(call: Call) -> str:
    text, target = call.expression, call.to
    match = next(filter(None, (pattern.fullmatch(text.strip()) for pattern in _TARGETS)), None)
    if not target and match is not None:
        text, target = match[1], match[2]
    if not target:
        raise ToolInputError("give the unit to convert to, such as 5 km/h to m/s")
    point = _temperature(text, target)
    if point is not None:
        return f"{call.show_value(point, has_decimals=True)} {target.strip()}"
    value, unit = quantity(text), quantity(target)
    ratio = sympy.simplify(value / unit)
    if ratio.free_symbols:
        raise ToolInputError(
            f"{text.strip()[:40]!r} cannot be given in {target.strip()[:40]!r}: {_differing(value, unit)}"
        )
    call.reading = read(re.sub(r"[A-Za-z].*", "", text) or "1")
    return f"{call.show_value(ratio, has_decimals=True)} {target.strip()}"


def quantity(text: str) -> Any:
    """A number with its unit, in base units. Raises ToolInputError: none, a relation, or longer than any is."""
    if len(text) > QUANTITY_CHARACTERS_MAX or any(sign in text for sign in "=<>"):
        raise ToolInputError(f"give one quantity, such as 5 km/h, in at most {QUANTITY_CHARACTERS_MAX} characters")
    if _BAD_POWER.search(text):
        raise ToolInputError("a unit's power is a whole number of two digits at most, such as m^2")
    text = re.sub(r"\bin\b", "inch", re.sub(r"\bper\b", "/", text)).replace("μ", "u").replace("µ", "u")
    parts = read(text, constants=UNITS).parts
    if len(parts) != 1 or not isinstance(parts[0], sympy.Expr):
        raise ToolInputError("give one quantity, such as 5 km/h")
    unknown = parts[0].free_symbols - set(_BASES)
    if unknown:
        raise ToolInputError(f"the unit {min(map(str, unknown))!r} is not known")
    return parts[0]


def _differing(value: Any, unit: Any) -> str:
    dimensions = [
        sympy.Mul(*(factor for factor in sympy.Mul.make_args(part) if factor.free_symbols)) for part in (value, unit)
    ]
    return f"the one is {dimensions[0]}, the other {dimensions[1]}"


def _temperature(text: str, target: str) -> Any:
    """The point of the target's scale; None where these are not two temperatures."""
    source, wanted = _POINT.fullmatch(text.strip()), _POINT.fullmatch(target.strip())
    if source is None or wanted is None or wanted["value"] or not source["value"]:
        return None
    if not re.fullmatch(r"[-+]?[\d.\s/]+", source["value"].strip()):
        return None
    value = read(source["value"]).parts[0]
    here, there = (_SCALES[match["scale"].lower()] for match in (source, wanted))
    kelvin = {"K": value, "C": value + _R("273.15"), "F": (value + _R("459.67")) * _R(5, 9)}[here]
    return {"K": kelvin, "C": kelvin - _R("273.15"), "F": kelvin * _R(9, 5) - _R("459.67")}[there]
