"""The real result of a tool call, run in this process and remembered.

For calls that our own families wrote, only: what a model or a user wrote runs in the fence (tools/executor.py).
"""

from functools import lru_cache

from gpu_node.data.chat_format import arguments_text
from gpu_node.data.problem import Call
from gpu_node.tools.registry import arguments_parse, tool_run

REMEMBERED_MAX = 400_000  # results; about 100 bytes each


def tool_result(call: Call) -> tuple[bool, str]:
    """(is_error, text) exactly as the model would see it."""
    return _run(call.name, arguments_text(call.arguments))


@lru_cache(maxsize=REMEMBERED_MAX)
def _run(name: str, arguments: str) -> tuple[bool, str]:
    reply = tool_run(name, arguments_parse(arguments))
    return reply.is_error, reply.text
