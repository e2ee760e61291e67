"""Serves one rendered page at every address, and static files that the browser may keep.

A browser whose requests go through Playwright (`page.route`) keeps no files: it fetched, parsed and compiled
some forty of them anew for each page, which took half of the time that a page was looked at.
"""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from django.contrib.staticfiles import finders

AXE = "/axe.js"
HTML = "text/html; charset=utf-8"
KEEP = "public, max-age=86400, immutable"


@cache
def _static(path: str) -> tuple[str, bytes] | None:
    """Content type and bytes of a file that the browser may keep; None where there is no such file."""
    if path == AXE:
        return "text/javascript; charset=utf-8", AXE_SCRIPT.encode()
    found = finders.find(path.removeprefix("/static/")) if path.startswith("/static/") else None
    if not isinstance(found, str):
        return None
    return mimetypes.guess_type(found)[0] or "application/octet-stream", Path(found).read_bytes()


class PageServer(ThreadingHTTPServer):
    """``html`` is what a navigation gets. What scripts ask for, a stream or a count, has no content."""

    daemon_threads, block_on_close = True, False
    html = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.missing: list[str] = []  # static files that a page named and nobody found

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if found := _static(path):
            self._send(200, *found, {"Cache-Control": KEEP})
        elif path.startswith("/static/"):
            self.server.missing.append(path)
            self._send(404, HTML, b"")
        elif self.headers.get("Sec-Fetch-Mode") == "navigate":
            self._send(200, HTML, self.server.html.encode(), {"Cache-Control": "no-store"})
        else:
            self.send_response(204)  # an EventSource does not ask again
            self.end_headers()

    def _send(self, status: int, kind: str, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        length = {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in {**length, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def serve_pages() -> Iterator[PageServer]:
    """A server at a free port, until the end of the block."""
    with PageServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
