"""A small HTTP server for the sandbox's two applications: loopback only, JSON, ended by SIGTERM."""

from __future__ import annotations

import datetime
import decimal
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

LARGEST_BODY = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """Status and body of an answer: a text is sent as HTML, anything else as JSON."""

    status: int
    body: Any


Answering = Callable[[str, str, bytes], Answer]  # method, path, body


def say(line: str) -> None:
    """One line of a server's log, on standard error."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    print(f"{now} {line}", file=sys.stderr, flush=True)  # noqa: T201


def plain(value: Any) -> Any:
    """What JSON has no type for: moments as ISO 8601 in UTC, money as text, as Prisma sends them."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def serve(port: int, answering: Answering, *, name: str) -> None:
    """Answers on 127.0.0.1 until SIGTERM; raises OSError when the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds that a silent client may hold a thread
        server_version, sys_version = name, ""

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > LARGEST_BODY:
                self._send(Answer(413, {"statusCode": 413, "message": "Payload Too Large"}))
            else:
                self._answer(self.rfile.read(length))

        def _answer(self, body: bytes) -> None:
            try:
                answer = answering(self.command, self.path.partition("?")[0], body)
            except Exception as error:  # as Nest does: the cause goes to the log, the client gets a 500
                say(f"{self.command} {self.path}: {type(error).__name__}: {error}")
                answer = Answer(500, {"statusCode": 500, "message": "Internal server error"})
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            is_text = isinstance(answer.body, str)
            data = (answer.body if is_text else json.dumps(answer.body, default=plain)).encode()
            self.send_response(answer.status)
            kind = "text/html" if is_text else "application/json"
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: a line for each question would bury what matters."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        signal.signal(signal.SIGTERM, stop)
        say(f"{name} answers on http://127.0.0.1:{port}")
        server.serve_forever(poll_interval=0.2)
