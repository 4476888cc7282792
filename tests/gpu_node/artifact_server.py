"""A store of pieces behind real HTTP, as the backend's: signed URLs are plain here, faults are made on purpose."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gpu_node.protocol.manifest import Manifest, SignedManifest
from gpu_node.training.folder_manifest import manifest_of

HOUR_MS = 3_600_000


@dataclass
class Artifacts:
    url: str = ""
    pieces: dict[str, bytes] = field(default_factory=dict)
    num_requests: int = 0
    breaks: int = 0  # so many requests from now on are broken off in the middle
    put_status: int = 201

    def take(self, folder: Path, *, piece_bytes: int = 65_536) -> SignedManifest:
        """Puts a folder's pieces into the store; gives what an order needs to fetch it."""
        manifest = manifest_of(folder, piece_bytes=piece_bytes)
        for path in folder.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                for start in range(0, len(data), piece_bytes):
                    block = data[start : start + piece_bytes]
                    self.pieces[hashlib.sha256(block).hexdigest()] = block
        return self.signed(manifest)

    def signed(self, manifest: Manifest, *, only_missing: bool = False) -> SignedManifest:
        names = [name for name in manifest.pieces if not (only_missing and name in self.pieces)]
        expires_ms = time.time_ns() // 1_000_000 + HOUR_MS
        urls = {name: f"{self.url}/{name}" for name in names}
        return SignedManifest(manifest=manifest, urls=urls, expires_ms=expires_ms)

    def has_all(self, manifest: Manifest) -> bool:
        return all(name in self.pieces for name in manifest.pieces)

    def write(self, manifest: Manifest, folder: Path) -> None:
        """What somebody who fetches the manifest gets."""
        for file in manifest.files:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).write_bytes(b"".join(self.pieces[piece.sha256] for piece in file.pieces))


@contextmanager
def artifacts_served() -> Iterator[Artifacts]:
    store = Artifacts()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            store.num_requests += 1
            data = store.pieces.get(self.path[1:])
            if data is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if store.breaks:
                store.breaks -= 1
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return
            self.wfile.write(data)

        def do_PUT(self) -> None:
            store.num_requests += 1
            data = self.rfile.read(int(self.headers["content-length"]))
            if store.breaks:
                store.breaks -= 1
                self.close_connection = True
                return
            name = self.path[1:]
            status = store.put_status if hashlib.sha256(data).hexdigest() == name else 422
            if status == 201:
                store.pieces[name] = data
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
