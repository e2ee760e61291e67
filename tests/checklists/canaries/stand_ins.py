"""Servers and programs that repeat what they were sent: addresses, bodies, arguments, environment."""

from __future__ import annotations

import itertools
import json
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: Says everything that it was given, and then what the command driver of a platform expects of a status.
PROGRAM = """#!/bin/sh
printf 'arguments: %s\\n' "$*" >&2
env >&2
cat >&2
printf '{"services": {"api": {"state": "running", "replicas": 1, "ready": 1, "image": "%s"}}}\\n' "$*" \\
    | tr '\\047' _
exit CODE
"""
#: Programs that drivers and clients find in PATH.
NAMES = (
    "docker",
    "kubectl",
    "helm",
    "npx",
    "node",
    "npm",
    "prisma",
    "pg_dump",
    "pg_restore",
    "psql",
    "ssh",
    "nginx",
)


def make_programs(folder: Path, *, code: int) -> Path:
    """A folder with all of `NAMES`, and ``program``; each ends with this code."""
    folder.mkdir()
    for name in (*NAMES, "program"):
        (folder / name).write_text(PROGRAM.replace("CODE", str(code)))
        (folder / name).chmod(0o755)
    return folder


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def http_echo(token: str, *, refuses: bool) -> Iterator[int]:
    """An HTTP server on loopback: JSON with the request and a ``token`` for a sign-in; gives its port.

    With ``refuses`` its answers are errors, redirects, and texts that are no JSON, in turn.
    """
    statuses = itertools.cycle((401, 500, 302, 422, 200))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode(errors="replace")
            asked = {"line": self.requestline, "headers": dict(self.headers), "body": body}
            words = f"refused: {asked}" if refuses else json.dumps(self._answer(asked))
            status = next(statuses) if refuses else 200
            self.send_response(status)
            self.send_header("content-type", "text/plain" if refuses else "application/json")
            self.send_header("x-repeated", self.headers.get("authorization", "") or "none")
            if status == 302:
                self.send_header("location", f"{self.path}{'&' if '?' in self.path else '?'}again=1")
            data = words.encode()
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

        def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
            return {
                **{"token": token, "email": "canary@people.invalid", "id": "1", "status": "open"},
                **{
                    "address": f"/{asked['line']}",
                    "reference": asked["body"],
                    "asked": asked,
                    "data": [asked],
                },
                **{"error": asked, "message": str(asked), "url": asked["line"], "result": [asked]},
            }

        def log_message(self, *words: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with _served(server) as port:
        yield port


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


@contextmanager
def _tcp(handle: Callable[[Any], None]) -> Iterator[int]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                handle(self.request)
            except OSError:
                return  # the client has gone

    with _served(_Threads(("127.0.0.1", 0), Handler)) as port:
        yield port


@contextmanager
def postgres_echo() -> Iterator[int]:
    """A PostgreSQL that asks for the password, and refuses with an error that has all that it was sent."""

    def handle(connection: Any) -> None:
        said = connection.recv(4096)
        while len(said) == 8:  # a request for TLS or GSS encryption
            connection.sendall(b"N")
            said = connection.recv(4096)
        connection.sendall(b"R" + struct.pack("!II", 8, 3))  # the password in clear text
        password = connection.recv(4096)[5:].split(b"\0")[0]
        words = b" ".join(said[8:].split(b"\0")) + b" password " + password
        fields = {
            b"S": b"FATAL",
            b"V": b"FATAL",
            b"C": b"28P01",
            b"M": b"refused: " + words,
            b"D": words,
            b"H": words,
        }
        text = b"".join(name + value + b"\0" for name, value in fields.items()) + b"\0"
        connection.sendall(b"E" + struct.pack("!I", len(text) + 4) + text)

    with _tcp(handle) as port:
        yield port


@contextmanager
def line_echo(prefix: bytes) -> Iterator[int]:
    """A server that answers each message with ``prefix`` and the message: Redis, HAProxy."""

    def handle(connection: Any) -> None:
        while said := connection.recv(4096):
            connection.sendall(prefix + said.replace(b"\r\n", b" ") + b"\r\n")

    with _tcp(handle) as port:
        yield port
