"""The audit of packages tells a clean answer, a weakness and no answer apart."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from cutover import dependency_audit

Answer = Callable[[list[dict[str, Any]]], Any]


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], None]]:
    """A service with OSV's protocol on loopback; what it answers to queries is given."""
    answers: list[Answer] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/v1/querybatch"
            body = json.dumps(answers[-1](asked["queries"])).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    monkeypatch.setenv("OSV_URL", f"http://127.0.0.1:{server.server_port}/")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield answers.append
    server.shutdown()
    server.server_close()


def results(queries: list[dict[str, Any]], **weak: str) -> dict[str, Any]:
    return {
        "results": [
            {"vulns": [{"id": weak[query["package"]["name"]]}]} if query["package"]["name"] in weak else {}
            for query in queries
        ]
    }


def test_every_pinned_package_is_asked_about(osv: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[dict[str, Any]] = []

    def answer(queries: list[dict[str, Any]]) -> dict[str, Any]:
        asked.extend(queries)
        return results(queries)

    osv(answer)
    assert dependency_audit.main() == 0
    assert {"package": {"name": "django", "ecosystem": "PyPI"}} in [{"package": q["package"]} for q in asked]
    assert len(asked) == len(dependency_audit.read_pins()) > 80
    assert all(query["version"][0].isdigit() for query in asked)
    assert f"Asked OSV about {len(asked)} packages" in capsys.readouterr().out


def test_a_weakness_fails_and_is_named(osv: Any, capsys: pytest.CaptureFixture[str]) -> None:
    osv(lambda queries: results(queries, django="PYSEC-2099-1"))
    assert dependency_audit.main() == dependency_audit.FOUND
    said = capsys.readouterr().out
    assert "django 5" in said
    assert "https://osv.dev/vulnerability/PYSEC-2099-1" in said


def test_an_accepted_weakness_does_not_fail_while_it_is_there(
    osv: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependency_audit, "ACCEPTED", {"PYSEC-2099-1": "not used"})
    osv(lambda queries: results(queries, django="PYSEC-2099-1"))
    assert dependency_audit.main() == 0
    osv(lambda queries: results(queries))
    assert dependency_audit.main() == dependency_audit.FOUND


@pytest.mark.parametrize("wrong", [[], {"results": []}, {"error": "busy"}, {"results": None}])
def test_an_answer_to_something_else_is_no_clean_answer(
    osv: Any, wrong: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    osv(lambda queries: wrong)
    assert dependency_audit.main() == dependency_audit.UNKNOWN
    assert "NOT AUDITED" in capsys.readouterr().out


def test_without_a_service_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OSV_URL", "http://127.0.0.1:9")
    assert dependency_audit.main() == dependency_audit.UNKNOWN
    assert "It is unknown" in capsys.readouterr().out
