"""Draws functions of one variable as SVG for the trace, and tells the model in words what is to be seen.

Values are computed by SymPy's own evaluation of the tree, point by point; no code is generated from it. The drawing
uses a dozen plain SVG elements, no styles and no scripts.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sympy

from gpu_node.tools import attachments
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call, expression_of
from gpu_node.tools.maths_printing import shown

FUNCTIONS_MAX = 4
POINTS = 201  # of one curve: an evaluation takes some tenths of a millisecond
EXTREME_ROUNDS = 12  # each leaves two thirds of the place: 1 % of a step in the end
ZERO_ROUNDS = 20  # each halves the place: a millionth of a step in the end
JUMP = 0.04  # of the height, between neighbours: beyond it a pole or a step is looked for
DIGITS = 12
TOLERANCE = 1e-9  # of an imaginary part that rounding left

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 400, 56, 20, 16, 36
_COLOURS = ("#1f5fae", "#c2410c", "#15803d", "#7e22ce")
_INK, _GRID = "#3f3f46", "#e4e4e7"
_TICKS = 6
_SPREADS_SHOWN = 3.0  # of the middle nine tenths of the values: a pole would flatten all the rest

Point = tuple[float, float]


@dataclass(frozen=True)
class _Curve:
    name: str
    at: Callable[[float], float | None]  # None where it has no real value
    points: list[tuple[float, float | None]]

    @property
    def values(self) -> list[Point]:
        return [(x, y) for x, y in self.points if y is not None]


def plot(call: Call) -> str:
    if len(call.reading.parts) > FUNCTIONS_MAX:
        raise ToolInputError(f"at most {FUNCTIONS_MAX} functions are drawn together")
    expressions = [expression_of(part) for part in call.reading.parts]
    variable = call.variable
    for expression in expressions:
        others = expression.free_symbols - {variable}
        if others:
            raise ToolInputError(f"{min(map(str, others))} has no value: plot draws functions of {variable} only")
    low, high = _bound(call, call.lower or "-10", "lower"), _bound(call, call.upper or "10", "upper")
    if not low < high:
        raise ToolInputError("lower must be below upper")
    curves = [_curve(expression, variable, low, high) for expression in expressions]
    if not any(curve.values for curve in curves):
        raise ToolInputError(f"no real value for {variable} from {_figure(low)} to {_figure(high)}")
    attachments.attach("svg", "Plot of " + ", ".join(curve.name for curve in curves), _drawing(curves, low, high))
    span = f"for {variable} from {_figure(low)} to {_figure(high)}"
    return "; ".join(_described(curve, str(variable), span) for curve in curves)


def _bound(call: Call, text: str, what: str) -> float:
    value = call.value_of(text, what).evalf(DIGITS)
    if not (value.is_real and value.is_finite):
        raise ToolInputError(f"{what} must be a number")
    return float(value)


def _curve(expression: Any, variable: Any, low: float, high: float) -> _Curve:
    def at(x: float) -> float | None:
        return _real(expression.subs(variable, sympy.Float(x, DIGITS + 3)).evalf(DIGITS))

    places = [low + (high - low) * place / (POINTS - 1) for place in range(POINTS)]
    return _Curve(shown(expression), at, [(x, at(x)) for x in places])


def _real(value: Any) -> float | None:
    if not value.is_number or value.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        return None
    number = complex(value)
    is_real = abs(number.imag) <= TOLERANCE * max(1.0, abs(number.real))
    return number.real if is_real and math.isfinite(number.real) else None


def _figure(value: float) -> str:
    return f"{value:.4g}"


def _described(curve: _Curve, variable: str, span: str) -> str:
    values = curve.values
    if not values:
        return f"{curve.name} {span}: no real value"
    least, greatest = _extreme(curve, -1.0), _extreme(curve, 1.0)
    parts = [
        f"least {_figure(least[1])} at {variable} = {_figure(least[0])}",
        f"greatest {_figure(greatest[1])} at {variable} = {_figure(greatest[0])}",
    ]
    zeros = list(_crossings(curve))
    if zeros:
        parts.append(f"zero near {variable} = {', '.join(map(_figure, zeros[:8]))}{', ...' if len(zeros) > 8 else ''}")
    return f"plotted {curve.name} {span}: {', '.join(parts)}"


def _extreme(curve: _Curve, sign: float) -> Point:
    """The greatest value drawn, or with `sign` -1 the least, found closer between its neighbours."""
    index = max(
        (place for place, (_, y) in enumerate(curve.points) if y is not None),
        key=lambda place: sign * (curve.points[place][1] or 0.0),
    )
    best_x, best_y = curve.points[index][0], curve.points[index][1] or 0.0
    low, high = (curve.points[min(max(place, 0), POINTS - 1)][0] for place in (index - 1, index + 1))
    for _ in range(EXTREME_ROUNDS):
        third = (high - low) / 3
        left, right = curve.at(low + third), curve.at(high - third)
        if left is None or right is None:
            break
        low, high = (low, high - third) if sign * left > sign * right else (low + third, high)
        for x, y in ((low, curve.at(low)), (high, curve.at(high))):
            if y is not None and sign * y > sign * best_y:
                best_x, best_y = x, y
    return best_x, best_y


def _crossings(curve: _Curve) -> Iterator[float]:
    """Where it changes its sign through 0, not through a pole."""
    for (x, y), (x_next, y_next) in zip(curve.points, curve.points[1:], strict=False):
        if y == 0:
            yield x
        elif y is not None and y_next is not None and y * y_next < 0:
            zero = _halved(curve, x, x_next, y)
            value = curve.at(zero)
            if value is not None and abs(value) < min(abs(y), abs(y_next)):
                yield zero
    if curve.points[-1][1] == 0:
        yield curve.points[-1][0]


def _halved(curve: _Curve, low: float, high: float, value_low: float) -> float:
    for _ in range(ZERO_ROUNDS):
        middle = (low + high) / 2
        value = curve.at(middle)
        if value is None:
            break
        low, high = (middle, high) if value * value_low > 0 else (low, middle)
    return (low + high) / 2


# ---------------------------------------------------------------- drawing


def _drawing(curves: list[_Curve], low: float, high: float) -> str:
    bottom, top = _window(sorted(y for curve in curves for _, y in curve.values))

    def place(x: float, y: float) -> Point:
        across = _LEFT + (x - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)
        down = _TOP + (top - y) / (top - bottom) * (_HEIGHT - _TOP - _BOTTOM)
        return round(across, 1), round(down, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{_escaped('Plot of ' + ', '.join(curve.name for curve in curves))}</title>",
        f'<rect x="0" y="0" width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for x in _ticks(low, high):
        (across, foot), (_, head) = place(x, bottom), place(x, top)
        parts.append(_line(across, foot, across, head, _INK if x == 0 else _GRID))
        parts.append(_label(across, foot + 18, _figure(x), "middle"))
    for y in _ticks(bottom, top):
        (start, down), (end, _) = place(low, y), place(high, y)
        parts.append(_line(start, down, end, down, _INK if y == 0 else _GRID))
        parts.append(_label(start - 6, down + 4, _figure(y), "end"))
    for number, curve in enumerate(curves):
        colour = _COLOURS[number]
        for run in _runs(curve, bottom, top):
            path = " ".join(f"{a},{b}" for a, b in (place(x, y) for x, y in run))
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<rect x="{_LEFT + 8}" y="{_TOP + 6 + 18 * number}" width="14" height="3" fill="{colour}"/>')
        parts.append(_label(_LEFT + 28, _TOP + 12 + 18 * number, curve.name[:60], "start"))
    return "".join([*parts, "</svg>"])


def _window(ordered: list[float]) -> tuple[float, float]:
    """The values to show: all, or those within some spreads of the middle nine tenths."""
    edge = len(ordered) // 20
    inner_low, inner_high = ordered[edge], ordered[-1 - edge]
    spread = (inner_high - inner_low) or max(1.0, abs(inner_low))
    low = max(ordered[0], inner_low - _SPREADS_SHOWN * spread)
    high = min(ordered[-1], inner_high + _SPREADS_SHOWN * spread)
    margin = (high - low or spread) * 0.05
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two, about `_TICKS`."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)][: 3 * _TICKS]


def _runs(curve: _Curve, bottom: float, top: float) -> Iterator[list[Point]]:
    """The pieces that lie inside the window, each with one point at the edge where it leaves."""
    run: list[Point] = []
    for x, y in curve.points:
        if y is not None and bottom <= y <= top:
            if run and abs(y - run[-1][1]) > JUMP * (top - bottom) and not _is_joined(curve, run[-1], (x, y)):
                if len(run) > 1:
                    yield run
                run = []
            run.append((x, y))
            continue
        if y is not None and run:
            run.append((x, min(max(y, bottom), top)))
        if len(run) > 1:
            yield run
        run = [(x, min(max(y, bottom), top))] if y is not None else []
    if len(run) > 1:
        yield run


def _is_joined(curve: _Curve, left: Point, right: Point) -> bool:
    """Whether the value halfway lies between: beside a pole or a step it does not, or is not there."""
    value = curve.at((left[0] + right[0]) / 2)
    low, high = sorted((left[1], right[1]))
    middle = (high - low) * 0.02
    return value is not None and low + middle < value < high - middle


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="1"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{round(x, 1)}" y="{round(y, 1)}" text-anchor="{anchor}" fill="{_INK}">{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
