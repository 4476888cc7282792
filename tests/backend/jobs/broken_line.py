"""A TCP line to a server on loopback that breaks, on demand, in the middle of what it carries."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Direction = Literal["up", "down"]
AFTER_BYTES = 200_000  # of one request or one answer: well inside a piece of the tiny checkpoint's megabyte
CHUNK_BYTES = 65_536
NO_GOODBYE = struct.pack("ii", 1, 0)  # SO_LINGER: the other end sees a reset, as of a pulled plug


class BrokenLine:
    """`breaks[direction]`: so many transfers from now on are cut, "up" to the server or "down" from it."""

    def __init__(self, target: int) -> None:
        self.breaks: dict[Direction, int] = {"up": 0, "down": 0}
        self._target = target
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            _Call(self, client, socket.create_connection(("127.0.0.1", self._target)))

    def is_cut(self, direction: Direction, num_bytes: int) -> bool:
        with self._lock:
            if num_bytes < AFTER_BYTES or not self.breaks[direction]:
                return False
            self.breaks[direction] -= 1
            return True


class _Call:
    """One connection: a thread each way."""

    def __init__(self, line: BrokenLine, client: socket.socket, server: socket.socket) -> None:
        self._line, self._ends = line, (client, server)
        self._carried: dict[Direction, int] = {"up": 0, "down": 0}  # of this request and of its answer
        threading.Thread(target=self._pump, args=("up", client, server), daemon=True).start()
        threading.Thread(target=self._pump, args=("down", server, client), daemon=True).start()

    def _pump(self, direction: Direction, source: socket.socket, target: socket.socket) -> None:
        back: Direction = "down" if direction == "up" else "up"
        with suppress(OSError):  # an end that is gone
            while data := source.recv(CHUNK_BYTES):
                self._carried[back] = 0
                self._carried[direction] += len(data)
                if self._line.is_cut(direction, self._carried[direction]):
                    self._cut()
                    return
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_GOODBYE)
                end.shutdown(socket.SHUT_RDWR)
                end.close()


@contextmanager
def line_to(url: str) -> Iterator[BrokenLine]:
    line = BrokenLine(int(url.rpartition(":")[2]))
    yield line
    line.close()
