"""An HTTP server on loopback whose answers a test chooses; it notes every request."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class WebServer:
    """``answers``: path → status, headers, body; other paths answer 404. ``seen``: method and path."""

    url: str
    answers: dict[str, tuple[int, Mapping[str, str], str]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    date: str = ""  # in place of the true Date header
    headers: dict[str, str] = field(default_factory=dict)  # of the last request


@contextmanager
def web_server() -> Iterator[WebServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.seen.append(f"{self.command} {self.path}")
            made.headers = {name.lower(): value for name, value in self.headers.items()}
            status, headers, body = made.answers.get(self.path, (404, {}, ""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body.encode())), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_HEAD = do_POST = do_GET

        def date_time_string(self, timestamp: float | None = None) -> str:
            return made.date or super().date_time_string(timestamp)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = WebServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
