"""Plug-in tools: typed functions of other packages, found by their entry points of the group `svend.tools`.

A plug-in is the operator's code, installed beside this package, but its arguments are a stranger's: so its function
runs in the fence like the tools of this repository, with their limits, without network or files. Its package and the
standard library are all that it can import besides numpy, SymPy, mpmath and Z3.

Invariant: what is found is found at the node's start; a plug-in that cannot be used stops the start with its name.
"""

import functools
import importlib.metadata
import re
from dataclasses import dataclass, replace

from gpu_node.tools.registry import TOOLS, Tool, tool_from_function

GROUP = "svend.tools"
PLUGINS_MAX = 32  # each is described to the model where a run allows it: more would fill its context
TOOL_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class PluginUnusable(RuntimeError):
    """An installed plug-in cannot be a tool; says which and why."""


@dataclass(frozen=True)
class PluginModule:
    """Where a plug-in's code lies: what the fence binds and a zygote imports."""

    module: str  # "dice_tool" or "company.tools"

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


def plugin_modules() -> tuple[PluginModule, ...]:
    """The modules of all installed plug-ins, without importing one."""
    return tuple(sorted({PluginModule(point.module) for point in _entry_points()}, key=lambda found: found.module))


@functools.cache
def tools_all() -> dict[str, Tool]:
    """This repository's tools and every plug-in, by name.

    Raises:
        PluginUnusable: a plug-in cannot be imported, has no description, or takes a name that is taken.
    """
    found = dict(TOOLS)
    for point in _entry_points():
        tool = _tool(point)
        if tool.name in found:
            raise PluginUnusable(f"the plug-in {point.value!r}: the name {tool.name!r} is taken")
        found[tool.name] = tool
    return found


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    points = sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    if len(points) > PLUGINS_MAX:
        raise PluginUnusable(f"{len(points)} plug-ins are installed: at most {PLUGINS_MAX} are taken")
    return points


def _tool(point: importlib.metadata.EntryPoint) -> Tool:
    try:
        function = point.load()
        tool = tool_from_function(function)
    except Exception as error:
        raise PluginUnusable(f"the plug-in {point.value!r}: {error}") from error
    if tool.name != point.name or point.attr != tool.name or not TOOL_NAME.fullmatch(tool.name):
        raise PluginUnusable(
            f"the plug-in {point.value!r} is registered as {point.name!r}: entry point and function need the same "
            "name, of small letters, digits and underscores"
        )
    return replace(tool, source="plug-in", target=f"{point.module}:{point.attr}")
