"""The world outside of handlers: counts every effect that reaches it."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Outside:
    """What reached it: the name of an effect → how often."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.effects: Counter[str] = Counter()
        self._lock = threading.Lock()

    def happened(self, name: str) -> None:
        """Count one."""
        with self._lock:
            self.effects[name] += 1


@contextmanager
def outside() -> Iterator[Outside]:
    """Serve it: POST /effects counts an effect, POST /seen is 200 when it was counted and 404 when not."""

    class Counting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/effects":
                world.happened(name)
            self.send_response(200 if world.effects[name] else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Counting) as server:
        world = Outside(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, name="outside", daemon=True)
        thread.start()
        try:
            yield world
        finally:
            server.shutdown()
            thread.join()
