"""One answer is compared with every expectation; each of them is seen red."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django import forms

from integrations.actions import Context, ProbeStatus, registry
from integrations.errors import Problem, Unreachable
from tests.integrations.certificates import DAY, issue
from tests.integrations.recorder import Recorder
from tests.ports import free_port

ACTION = registry()["http.check"]


class Shop(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    timeout = 5

    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            return self._send(302, b"", Location="/")
        if self.path.startswith("/broken"):
            return self._send(500, b'{"message": "no database"}')
        if self.path.startswith("/private") and self.headers["authorization"] != "Bearer let-me-in":
            return self._send(401, b'{"message": "who are you"}')
        return self._send(200, b'{"status": "up", "items": [1, 2, 3], "count": 3, "live": true}')

    do_OPTIONS = do_GET

    def do_HEAD(self) -> None:
        self._send(204, b"")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "X-Shop": "two", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with serving() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def bind(new_context: Callable[..., Context], shop: str) -> Callable[..., Any]:
    def make(url: str = shop, **raw: Any) -> Any:
        return ACTION.bind({"system": "shop", **raw}, new_context({"shop": {"kind": "http", "url": url}}))

    return make


def test_an_answer_that_is_as_expected_is_green(bind: Any) -> None:
    report = Recorder()
    params = bind(
        path="/health?x=1",
        status=[200],
        headers={"X-Shop": "two", "content-type": "/json/", "x-none": "absent"},
        json={"status": "up", "live": True, "count": 3, "items.0": 1, "gone": "absent"},
        json_at_least={"items": 3, "count": 2.5},
        contains=['"up"'],
        lacks=["error"],
        max_ms=10_000,
    )
    outcome = ACTION.run(params, report)
    assert outcome.ok, outcome.summary
    assert report.facts["wrong"] == []
    assert report.facts["http"]["values"] == {
        **{"status": "up", "live": True, "count": 3, "items.0": 1, "items": 3}
    }


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"path": "/broken"}, "answers 500 “no database”, not 2xx"),
        ({"status": [204]}, "answers 200"),
        ({"path": "/moved"}, "Redirects are not followed"),
        ({"headers": {"x-shop": "one"}}, "the header x-shop is “two”, not one"),
        ({"headers": {"x-shop": "absent"}}, "the header x-shop is “two”, not absent"),
        ({"headers": {"etag": "present"}}, "the header etag is nothing, not present"),
        ({"headers": {"content-type": "/html/"}}, "not /html/"),
        ({"json": {"status": "UP"}}, "status is “up”, not UP"),
        ({"json": {"count": "3"}}, "count is “3”, not 3"),
        ({"json": {"live": 1}}, "live is “true”, not 1"),
        ({"json": {"a.b": "present"}}, "a.b is nothing, not present"),
        ({"json_at_least": {"items": 4}}, "items is a list of 3, not at least 4"),
        ({"json_at_least": {"status": 1}}, "status is “up”, not at least 1"),
        ({"json_at_least": {"live": 1}}, "not at least 1"),
        ({"contains": ["Welcome"]}, "the body has no /Welcome/"),
        ({"lacks": ["up"]}, "the body has /up/"),
        ({"certificate_days": 10}, "not https"),
    ],
)
def test_each_expectation_can_be_red(bind: Any, raw: Any, said: str) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(**raw), report)
    assert not outcome.ok
    assert said in outcome.summary
    assert report.facts["wrong"]


def test_a_slow_answer_is_red(bind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shop, "do_GET", lambda self: (threading.Event().wait(0.2), self._send(200, b"{}")))
    assert "more than 50" in ACTION.run(bind(max_ms=50), Recorder()).summary


def test_json_is_asked_of_something_else(bind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shop, "do_GET", lambda self: self._send(200, b"<h1>hello</h1>"))
    assert "the body is no JSON" in ACTION.run(bind(json={"a": "present"}), Recorder()).summary


def test_headers_are_sent_and_masked(bind: Any) -> None:
    report = Recorder()
    assert ACTION.run(bind(path="/private", send_headers={"Authorization": "Bearer let-me-in"}), report).ok
    assert "Bearer let-me-in" in report.secrets
    assert not ACTION.run(bind(path="/private"), Recorder()).ok


def test_head_brings_no_body(bind: Any) -> None:
    assert ACTION.run(bind(method="HEAD", status=[204]), Recorder()).ok
    with pytest.raises(forms.ValidationError, match="HEAD has no body"):
        bind(method="HEAD", contains=["x"])


def test_no_answer_is_an_error(bind: Any) -> None:
    with pytest.raises(Unreachable):
        ACTION.run(bind(url=f"http://127.0.0.1:{free_port()}"), Recorder())
    with pytest.raises(Problem):
        ACTION.run(bind(url="http://192.0.2.1"), Recorder())


@pytest.mark.parametrize(
    "raw",
    [
        {"path": "health"},
        {"path": "/a b"},
        {"method": "POST"},
        {"method": "DELETE"},
        {"status": ["200"]},
        {"status": [42]},
        {"headers": {"a": 5}},
        {"json": {"a": "/(/"}},
        {"contains": ["("]},
        {"contains": [5]},
        {"json_at_least": {"a": "5"}},
        {"send_headers": {"a": "b\r\nc: d"}},
        {"send_headers": {"a b": "c"}},
    ],
)
def test_mistakes_are_found_before_anything_is_sent(bind: Any, raw: Any) -> None:
    with pytest.raises(forms.ValidationError):
        bind(**raw)


def test_the_preview_lists_every_expectation_and_no_secret(bind: Any) -> None:
    preview = ACTION.preview(
        bind(path="/x?key=hidden", status=[200], json={"a": 1}, max_ms=5, certificate_days=30)
    )
    assert preview.lines[0].startswith("GET http://127.0.0.1:")
    assert "hidden" not in str(preview)
    assert preview.lines[1:] == [
        *("Status: 200", "JSON a: 1", "At most 5 ms"),
        "The certificate is trusted, and valid for 30 more days",
    ]
    assert ACTION.probe(bind(), {}).status == ProbeStatus.NOT_DONE


def test_a_certificate_that_ends_soon_or_is_not_trusted_is_red(
    bind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = issue("Root of the tests", authority=True)
    server = issue("shop", root, names=("127.0.0.1",), ends=20 * DAY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.server_file(tmp_path))
    with serving(context) as port:
        url = f"https://127.0.0.1:{port}"
        outcome = ACTION.run(bind(url=url, certificate_days=1), Recorder())
        assert "its certificate is not trusted" in outcome.summary
        (tmp_path / "root.pem").write_bytes(root.pem())
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
        report = Recorder()
        assert ACTION.run(bind(url=url, certificate_days=10), report).ok
        assert report.facts["http"]["certificate_until"]
        outcome = ACTION.run(bind(url=url, certificate_days=30), Recorder())
        assert "its certificate ends in 19 days" in outcome.summary
