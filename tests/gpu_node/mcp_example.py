"""An MCP server for the tests, by the official server library: `python -m tests.gpu_node.mcp_example`."""

import os
import time

from mcp.server import MCPServer

server = MCPServer("example")


@server.tool()
def reverse(text: str) -> str:
    """Reverses a text."""
    return text[::-1]


@server.tool()
def long(characters: int) -> str:
    """Answers at length."""
    return "x" * characters


@server.tool()
def slow(seconds: float) -> str:
    """Takes its time."""
    time.sleep(seconds)
    return "at last"


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("it cannot be done")


@server.tool()
def die() -> str:
    """Ends the server."""
    os._exit(1)


if __name__ == "__main__":
    server.run()
