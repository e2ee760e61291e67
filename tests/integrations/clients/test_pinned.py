"""Requests reach named hosts only, at the address of one look-up, however a URL is spelt."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from integrations.clients.http import HttpClient
from integrations.errors import Problem
from integrations.systems import Systems


class Listening(ThreadingHTTPServer):
    """Remembers the Host header of each request."""

    def __init__(self, host: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.asked: list[str] = []
        super().__init__((host, 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.headers["host"])
        self.send_response(302)
        self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[Listening]:
    with Listening(host) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Replaces DNS: the answers in order, the last one stays. Addresses resolve to themselves."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if str(host).replace(".", "").replace(":", "").isalnum() and not str(host).endswith(".test"):
            return real(host, port, *rest, **more)
        asked.append(str(host))
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_a_name_is_resolved_once_and_the_second_answer_never_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the name resolves to this machine at first, and to another one afterwards."""
    asked = names(monkeypatch, ["127.0.0.1"], ["203.0.113.9"])
    with listening() as server:
        url = f"http://api.test:{server.server_port}"
        assert HttpClient(["api.test"]).request(url).status == 302
        assert server.asked == [f"api.test:{server.server_port}"]
    assert asked == ["api.test"]


@pytest.mark.parametrize("second", ["10.0.0.1", "203.0.113.9", "169.254.169.254"])
def test_tls_is_required_as_soon_as_one_address_is_not_loopback(
    monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    names(monkeypatch, ["127.0.0.1", second])
    with listening() as server:
        with pytest.raises(Problem, match="without encryption"):
            HttpClient(["api.test"]).request(f"http://api.test:{server.server_port}")
        assert server.asked == []


@pytest.mark.parametrize("spelling", ["[::1]", "[0:0:0:0:0:0:0:1]"])
def test_the_ipv6_loopback_address_is_this_machine(spelling: str) -> None:
    with listening("::1") as server:
        host = spelling.strip("[]")
        assert HttpClient([host]).request(f"http://{spelling}:{server.server_port}").status == 302


@pytest.mark.parametrize(
    "url",
    [
        "http://[::ffff:203.0.113.9]/",
        "http://[::]/",
        "http://0.0.0.0/",
        "http://[fe80::1]/",
        "http://[::ffff:7f00:1]/",
    ],
)
def test_addresses_that_only_resemble_loopback_need_tls(url: str) -> None:
    host = url.split("//")[1].strip("/[]")
    with pytest.raises(Problem, match="without encryption"):
        HttpClient([host]).request(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@evil.test/",
        "http://127.0.0.1:80@evil.test/",
        "http://evil.test/#@127.0.0.1",
        "http://evil.test/?@127.0.0.1",
        "http://2130706433/",
        "http://127.1/",
        "http://127.0.0.1.evil.test/",
        "http://127.0.0.1%00.evil.test/",
        "//127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://",
    ],
)
def test_no_spelling_of_a_url_reaches_a_host_that_is_not_named(url: str) -> None:
    with pytest.raises(Problem, match=r"no host that the runbook names|cannot be asked"):
        HttpClient(["127.0.0.1"]).request(url)


def test_a_path_cannot_lead_to_another_host() -> None:
    with listening() as named, listening() as other:
        base = f"http://127.0.0.1:{named.server_port}"
        with suppress(Problem):
            HttpClient(["127.0.0.1"]).request(base, f"@localhost:{other.server_port}/")
        with pytest.raises(Problem, match=r"evil\.test is no host"):
            HttpClient(["127.0.0.1"]).request(base, "@evil.test/")
        assert other.asked == []


def test_a_redirect_to_an_internal_address_is_not_followed() -> None:
    with listening() as server:
        reply = HttpClient(["127.0.0.1"]).request(f"http://127.0.0.1:{server.server_port}")
        assert (reply.status, len(server.asked)) == (302, 1)
        assert reply.headers["location"].startswith("http://169.254.169.254/")


def test_neither_proxy_nor_netrc_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://203.0.113.9:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with listening() as server:
        assert HttpClient(["127.0.0.1"]).request(f"http://127.0.0.1:{server.server_port}").status == 302


def test_the_hosts_are_those_of_the_systems_that_are_set() -> None:
    sections = {
        "api": {"kind": "http", "url": "https://API.example.org:8443/v1"},
        "later": {"kind": "http", "url": "${NOT_SET}"},
        "broken": {"kind": "http", "url": "http://[::1"},
        "folder": {"kind": "folder", "path": "/srv"},
    }
    assert HttpClient.of(Systems(sections, {})).hosts == {"api.example.org"}
