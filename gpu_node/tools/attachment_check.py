"""Judges a guest's attachments before they go anywhere: what is not plainly harmless is dropped.

A guest can forge whatever it likes, so a PNG must be one of a sane size, and an SVG may hold drawing elements and
attributes only: no script, style, link, entity or foreign object. Pages show an SVG as an image, where nothing runs and
nothing is loaded; this is the second net.
"""

import base64
import binascii
import re
import struct
from collections.abc import Iterable
from xml.etree import ElementTree

from gpu_node.protocol.frames import ATTACHMENTS_BYTES_MAX, ATTACHMENTS_MAX, ToolAttachment

PNG_SIDE_PIXELS_MAX = 4_096  # a browser unpacks it: 64 MiB at most
SVG_ELEMENTS_MAX = 2_000

_PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_SVG = "{http://www.w3.org/2000/svg}"
_SVG_ELEMENTS = frozenset(
    f"{_SVG}{name}" for name in ("svg", "g", "path", "line", "polyline", "rect", "circle", "text", "title")
)
_SVG_ATTRIBUTES = frozenset(
    "viewBox width height x y x1 y1 x2 y2 cx cy r d points fill stroke stroke-width stroke-dasharray stroke-linejoin "
    "opacity text-anchor font-size font-family font-weight transform role".split()
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ENTITY = re.compile(r"&(?!(?:lt|gt|amp);)")
_PLAIN_VALUE = re.compile(r"[\w\s.,#%+()-]*")  # no quote, colon, slash or angle bracket: no address, no markup


def attachments_passed(found: Iterable[ToolAttachment]) -> tuple[ToolAttachment, ...]:
    """Those that may be shown, within the wire's limits."""
    passed: list[ToolAttachment] = []
    left = ATTACHMENTS_BYTES_MAX
    for one in map(_printable, found):
        size = len(one.model_dump_json().encode())
        if size <= left and len(passed) < ATTACHMENTS_MAX and _is_harmless(one):
            passed.append(one)
            left -= size
    return tuple(passed)


def _printable(one: ToolAttachment) -> ToolAttachment:
    """Without what PostgreSQL, UTF-8 or a terminal would stumble over."""

    def clean(text: str) -> str:
        return _CONTROL.sub("\ufffd", text.encode(errors="replace").decode())

    return one.model_copy(update={"title": clean(one.title), "data": clean(one.data)})


def _is_harmless(one: ToolAttachment) -> bool:
    match one.kind:
        case "png":
            return _is_small_png(one.data)
        case "svg":
            return _is_plain_svg(one.data)
        case "latex" | "text":
            return True


def _is_small_png(data: str) -> bool:
    try:
        start = base64.b64decode(data, validate=True)[:24]
    except (binascii.Error, ValueError):
        return False
    if len(start) < 24 or not start.startswith(_PNG_START):
        return False
    width, height = struct.unpack(">II", start[16:24])
    return bool(0 < width <= PNG_SIDE_PIXELS_MAX and 0 < height <= PNG_SIDE_PIXELS_MAX)


def _is_plain_svg(text: str) -> bool:
    if "<!" in text or "<?" in text or _ENTITY.search(text):  # no document type, so no entity that unfolds
        return False
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - entities and document types were refused above
    except (ElementTree.ParseError, ValueError):
        return False
    elements = list(root.iter())
    return (
        root.tag == f"{_SVG}svg"
        and len(elements) <= SVG_ELEMENTS_MAX
        and all(element.tag in _SVG_ELEMENTS for element in elements)
        and all(
            name in _SVG_ATTRIBUTES and _PLAIN_VALUE.fullmatch(value)
            for element in elements
            for name, value in element.items()
        )
    )
