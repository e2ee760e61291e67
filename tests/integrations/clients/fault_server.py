"""A server on loopback that takes a request and answers it in one of the ways in which networks fail."""

from __future__ import annotations

import gzip
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

BLOCK = b"x" * 65_536
PAGE = b"<!doctype html><title>Gateway</title>"


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """One answer of HTTP."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reset(peer: socket.socket, server: FaultServer) -> None:
    """In the middle of the answer."""
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(peer: socket.socket, server: FaultServer) -> None:
    """A byte now and then, without an end."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000:
        peer.sendall(bytes([byte]))
        if server.closing.wait(0.05):
            return


def endless(peer: socket.socket, server: FaultServer) -> None:
    """A body that never ends."""
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not server.closing.is_set():
        peer.sendall(BLOCK)


def silent(peer: socket.socket, server: FaultServer) -> None:
    """No answer at all."""
    server.closing.wait(30)


def bomb(peer: socket.socket, server: FaultServer) -> None:
    """50 MB that travel as 50 KB."""
    body = gzip.compress(b"0" * 50_000_000, 1)
    peer.sendall(answer("200 OK", body, "Content-Encoding: gzip", "Content-Type: application/json"))


def _says(text: bytes) -> Callable[[socket.socket, FaultServer], None]:
    return lambda peer, server: peer.sendall(text)


#: Fault → what the server does once it has the request.
FAULTS: dict[str, Callable[[socket.socket, FaultServer], None]] = {
    "reset": reset,
    "drip": drip,
    "endless": endless,
    "silent": silent,
    "bomb": bomb,
    "hung up": _says(b""),
    "cut": _says(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"a"'),
    "away": _says(answer("503 Service Unavailable", PAGE, "Retry-After: 3600")),
    "gateway": _says(answer("504 Gateway Timeout", PAGE)),
    "busy": _says(answer("429 Too Many Requests", b"{}", "Retry-After: 3600")),
    "page": _says(answer("200 OK", PAGE, "Content-Type: text/html")),
    "other protocol": _says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "loop": lambda peer, server: peer.sendall(answer("302 Found", b"", f"Location: {server.url}/again")),
    "elsewhere": lambda peer, server: peer.sendall(answer("307 Moved", b"", f"Location: {server.other}/")),
}
#: Faults after which the server may have carried out what it was asked to.
UNCERTAIN = {"reset", "drip", "endless", "silent", "bomb", "hung up", "cut", "away", "gateway", "page"}


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


class FaultServer:
    """Answers with ``fault``; ``asked`` counts the requests. ``other`` is the address of another host."""

    def __init__(self) -> None:
        self.fault, self.asked, self.other = "hung up", 0, ""
        self.closing = threading.Event()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.take(self.request)

        self.server = _Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def take(self, peer: socket.socket) -> None:
        """Waits for something, then fails."""
        try:
            peer.settimeout(5)
            if self.fault != "speaks first" and not peer.recv(65_536):
                return
            self.asked += 1
            FAULTS[self.fault](peer, self)
        except OSError:
            return  # the client has gone


@contextmanager
def fault_server() -> Iterator[FaultServer]:
    made = FaultServer()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.closing.set()
        made.server.shutdown()
        made.server.server_close()
        thread.join()


def within(seconds: float, ask: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives or raises, and how long it took; ``seconds`` is the most that the test allows."""
    began = time.monotonic()
    try:
        found = ask()
    except Exception as error:
        found = error
    return found, time.monotonic() - began
