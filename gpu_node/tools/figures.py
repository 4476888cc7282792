"""Turns the figures that a program left open in matplotlib into PNG attachments, on the guest's side.

Nothing is loaded here: a program that never imported pyplot costs nothing. Loading it takes half a second of that call;
held ready in every zygote it would cost 40 MB each and slow every start, so it is not. Where guests can write nowhere
(tiers landlock and chroot), matplotlib does not load at all and the program's error says so.
"""

import importlib
import io
import sys
from typing import Any

from gpu_node.tools import attachments

FIGURES_MAX = 4  # of one call
DOTS_PER_INCH, DOTS_PER_INCH_COARSE = 100, 50  # the second where the first does not fit
COLOURS_COARSE = 64  # a photograph or noise then takes a tenth of the bytes


def figures_attach() -> None:
    """Attaches what is open, in the order it was made. Never raises: the picture is not the call's result."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not attachments.is_wanted():
        return
    try:
        numbers = list(pyplot.get_fignums())
        shown = numbers[:FIGURES_MAX]
        for place, number in enumerate(shown):
            _attach(pyplot.figure(number), f"Figure {place + 1}", attachments.bytes_left() // (len(shown) - place))
        if len(numbers) > FIGURES_MAX:
            attachments.attach(
                "text", "Figures left out", f"{len(numbers)} figures were made, {FIGURES_MAX} are shown."
            )
    except BaseException as error:  # the program may have left matplotlib in any state
        attachments.attach("text", "A figure could not be drawn", f"{type(error).__name__}: {str(error)[:200]}")


def _attach(figure: Any, name: str, bytes_max: int) -> None:
    png = _png(figure, DOTS_PER_INCH)
    if 4 * len(png) > 3 * bytes_max:  # base64 adds a third
        png = _coarse(_png(figure, DOTS_PER_INCH_COARSE))
    if 4 * len(png) > 3 * bytes_max or not attachments.attach("png", _title(figure) or name, png):
        attachments.attach("text", name, "The figure is too large to be shown: draw less in it.")


def _png(figure: Any, dots: int) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots, bbox_inches="tight")
    return buffer.getvalue()


def _coarse(png: bytes) -> bytes:
    image = importlib.import_module("PIL.Image").open(io.BytesIO(png)).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(COLOURS_COARSE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _title(figure: Any) -> str:
    """The figure's own title, else that of its first axes."""
    named = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    return next((str(title) for title in named if title), "")
