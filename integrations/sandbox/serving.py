"""A small HTTP server for the programs of the sandbox: loopback only, ended by SIGTERM."""

from __future__ import annotations

import base64
import datetime
import decimal
import hashlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from types import FrameType
from typing import Any
from urllib.parse import parse_qsl

LARGEST_BODY = 256 * 1024


@dataclass(frozen=True)
class Asked:
    """A question: its path without the query, the query's last value by name, headers in small letters;
    ``target``: path and query as they were sent, for whoever hands it on."""

    method: str
    path: str
    body: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    target: str = ""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises ValueError for anything else."""
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")
        return found

    def form(self) -> dict[str, str]:
        """The body as an urlencoded form, the last value of each name."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """Status and body of an answer: a text is sent as HTML, bytes as they are, anything else as JSON.

    Without bytes there is no content type either.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[Asked], Answer]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def say(line: str) -> None:
    """One line of a server's log, on standard error."""
    print(f"{_now()} {line}", file=sys.stderr, flush=True)  # noqa: T201  # a program prints


def plain(value: Any) -> Any:
    """What JSON has no type for: moments as ISO 8601 in UTC, money as text, as Prisma sends them."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _written(body: Any) -> tuple[str, bytes]:
    """Content type and bytes."""
    if isinstance(body, bytes):
        return "application/octet-stream", body
    if isinstance(body, str):
        return "text/html; charset=utf-8", body.encode()
    text = json.dumps(body, default=plain, separators=(",", ":"), ensure_ascii=False)
    return "application/json; charset=utf-8", text.encode()


def weak_etag(data: bytes) -> str:
    """As Express makes it: the length in hexadecimal digits, and a part of the SHA-1."""
    digest = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    return f'W/"{len(data):x}-{digest[:27]}"'


def _question(handler: BaseHTTPRequestHandler, body: bytes) -> Asked:
    path, _, query = handler.path.partition("?")
    headers = {name.lower(): value for name, value in handler.headers.items()}
    return Asked(handler.command, path, body, dict(parse_qsl(query)), headers, handler.path)


class _Handler(BaseHTTPRequestHandler):
    """Answers with what `server_of` was given, which a subclass for each server holds."""

    answering: Answering
    standing: Mapping[str, str]
    etags: bool
    timeout = 10  # seconds that a silent client may hold a thread

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > LARGEST_BODY:
            self._send(Answer(413, {"statusCode": 413, "message": "Payload Too Large"}))
        else:
            self._answer(self.rfile.read(length))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _answer(self, body: bytes) -> None:
        asked = _question(self, body)
        try:
            answer = type(self).answering(asked)
        except Exception as error:  # as Nest does: the cause goes to the log, the client gets a 500
            say(f"{asked.method} {asked.path}: {type(error).__name__}: {error}")
            answer = Answer(500, {"statusCode": 500, "message": "Internal server error"})
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        kind, data = _written(answer.body)
        self.send_response_only(answer.status)
        ours = {**self.standing, "Date": self.date_time_string()}
        if data:
            ours |= {"Content-Type": kind} | ({"ETag": weak_etag(data)} if self.etags else {})
        for header, value in {**ours, **answer.headers}.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: a line for each question would bury what matters."""


def server_of(
    port: int,
    answering: Answering,
    *,
    name: str,
    headers: Mapping[str, str] | None = None,
    etags: bool = False,
) -> ThreadingHTTPServer:
    """A server at 127.0.0.1 that answers once it is run; raises OSError when the port is taken.

    ``headers`` are on every answer (default: ``Server`` with its name); ``etags``: so is an ETag.
    """
    standing = {"Server": name} if headers is None else headers

    given = {"answering": staticmethod(answering), "standing": standing, "etags": etags}
    handler = type("Handler", (_Handler,), given)
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads, server.block_on_close = True, False
    return server


def serve(
    port: int,
    answering: Answering,
    *,
    name: str,
    headers: Mapping[str, str] | None = None,
    etags: bool = False,
) -> None:
    """Answers on 127.0.0.1 until SIGTERM; raises OSError when the port is taken."""
    with server_of(port, answering, name=name, headers=headers, etags=etags) as server:
        say(f"{name} answers on http://127.0.0.1:{port}")
        serve_until_stopped(server)


def serve_until_stopped(server: BaseServer) -> None:
    """Answers until SIGTERM.

    The handler of the signal raises nothing: an exception would be lost where Python ignores them.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()  # it waits for the loop that runs in this thread

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.2)
