"""The HTTP client: any status is a response, other failures are explained, size and time are limited."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from integrations.clients import http
from integrations.errors import NotListening, Problem, Unreachable
from tests.ports import free_port


class Peer(BaseHTTPRequestHandler):
    """Behaves as its path says."""

    def do_GET(self) -> None:
        getattr(self, self.path.strip("/").replace("/", "_"))()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self._send(201, body, self.headers["content-type"])

    def _send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def fine(self) -> None:
        self._send(200, b'{"message": "well"}')

    def refused(self) -> None:
        self._send(400, b'{"statusCode": 400, "message": "An unexpected database error occurred"}')

    def text(self) -> None:
        self._send(502, b"<h1>Bad\n gateway</h1>", "text/html")

    def elsewhere(self) -> None:
        self._send(302, b"", Location="/fine")

    def long(self) -> None:
        self._send(200, b"x" * (http.LARGEST + 1))

    def silent(self) -> None:
        time.sleep(1)

    def trickle(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(20):
            self.wfile.write(b"x" * 70_000)
            self.wfile.flush()
            time.sleep(0.1)

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "60000")
        self.end_headers()
        self._drip(b"x")

    def drip_of_the_head(self) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
        self._drip(b"x")

    def _drip(self, byte: bytes) -> None:
        for _ in range(300):
            self.wfile.write(byte)
            self.wfile.flush()
            time.sleep(0.1)

    def token(self) -> None:
        self._send(400, b'{"access_token": "unseen-value", "message": {"echo": "unseen-value"}}')

    def several(self) -> None:
        self._send(400, b'{"message": ["email must be an email", "name is missing"], "error": "Bad Request"}')

    def bomb(self) -> None:
        packed = gzip.compress(b"x" * 50_000_000)
        self._send(200, packed, **{"Content-Encoding": "gzip"})

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # who asked has gone
            super().handle()


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Peer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_response_has_status_body_and_time(peer: str) -> None:
    reply = http.request(peer, "/fine")
    assert (reply.status, reply.ok, reply.json(), reply.content_type) == (
        200,
        True,
        {"message": "well"},
        "application/json",
    )
    assert reply.ms > 0


def test_an_error_status_is_a_response_with_the_services_message(peer: str) -> None:
    reply = http.request(peer, "/refused")
    assert (reply.status, reply.ok) == (400, False)
    assert reply.error_text() == "An unexpected database error occurred"
    assert http.request(peer, "/several").error_text() == "email must be an email; name is missing"
    with pytest.raises(ValueError):
        http.request(peer, "/text").json()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/text", "(text/html, 21 bytes, without a message)"),
        ("/token", "(application/json, 69 bytes, without a message)"),
    ],
)
def test_a_body_is_never_shown_raw(peer: str, path: str, said: str) -> None:
    assert http.request(peer, path).error_text() == said


def test_what_is_sent_is_json(peer: str) -> None:
    reply = http.request(peer, "/anything", send={"a": [1]})
    assert (reply.status, reply.content_type, reply.json()) == (201, "application/json", {"a": [1]})


def test_a_redirect_is_not_followed(peer: str) -> None:
    assert http.request(peer, "/elsewhere").status == 302


def test_a_body_that_is_too_long_is_refused(peer: str) -> None:
    with pytest.raises(Problem, match="more than 1 MB"):
        http.request(peer, "/long")


def test_a_compressed_body_that_is_too_long_is_refused(peer: str) -> None:
    with pytest.raises(Problem, match="more than 1 MB"):
        http.request(peer, "/bomb")


@pytest.mark.parametrize("path", ["/silent", "/trickle", "/drip", "/drip_of_the_head"])
def test_a_slow_response_times_out(peer: str, path: str) -> None:
    with pytest.raises(Unreachable, match=r"did not answer within 0\.3 s"):
        http.request(peer, path, timeout=0.3)


@pytest.mark.parametrize("path", ["/drip", "/drip_of_the_head"])
def test_the_timeout_is_for_the_whole_response_and_not_for_each_byte(peer: str, path: str) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable):
        http.request(peer, path, timeout=0.5)
    assert time.monotonic() - began < 20  # the peer would go on for thirty


def test_a_closed_port_and_an_unknown_host_are_reported_without_the_password() -> None:
    with pytest.raises(NotListening, match="Nobody listens") as closed:
        http.request(f"http://me:hidden@127.0.0.1:{free_port()}", "/")
    with pytest.raises(Unreachable, match="name is unknown") as unknown:
        http.request("http://me:hidden@nobody.invalid", "/")
    with pytest.raises(Problem, match="https://host") as broken:
        http.request("ftp://me:hidden@somewhere", "/")
    assert "hidden" not in f"{closed.value}{unknown.value}{broken.value}"


def test_a_peer_that_hangs_up_is_not_reported_as_absent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        with pytest.raises(Unreachable, match="hung up without an answer") as gone:
            http.request(f"http://127.0.0.1:{server.getsockname()[1]}", "/")
    assert not isinstance(gone.value, NotListening)


def test_a_url_is_shown_without_login_and_query() -> None:
    assert http.display_url("https://me:hidden@api.example.org:8443/v1/?key=hidden#x") == (
        "https://api.example.org:8443/v1"
    )
