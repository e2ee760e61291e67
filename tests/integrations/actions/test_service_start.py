"""A service that does not become ready is a verdict (the success is tested in `test_service_stop`)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.actions import Context, registry, service_start
from integrations.sandbox import services_control
from integrations.sandbox.services import Release
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.platforms import free_port, platform

START = registry()["service.start"]
#: An application whose login at the database is closed: its start page needs none.
HALF_DEAD = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Half(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({"/": 200, "/gone": 404}.get(self.path, 500))
        self.send_header("server", "half")
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Half).serve_forever()
"""


def test_a_service_that_runs_but_does_not_answer_is_not_ready(
    tmp_path: Path, new_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "services"
    monkeypatch.setattr(service_start, "WAIT_SECONDS", 1.0)
    with platform(folder) as settings:
        digest = Release("deaf", [sys.executable, "-c", "import time; time.sleep(60)"]).keep(folder)
        services_control.know(folder, "deaf", digest, running=False)
        services_control.wait(folder)
        url = f"http://127.0.0.1:{free_port()}"
        context = new_context({"engine": settings, "api": {"kind": "http", "url": url}})
        values = START.bind({"platform": "engine", "services": ["deaf"], "answers": "api"}, context)
        report = Recorder()
        outcome = START.run(values, report)
    assert not outcome.ok
    assert "cannot be reached" in outcome.summary
    assert report.facts["services"]["deaf"]["state"] == "running"


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ({"path": "/events.json", "status": 200}, "answers /events.json with status 500 instead of 200"),
        ({"path": "/events.json", "headers": {"server": "/half/"}}, "answers /events.json with 500"),
        ({"path": "/", "headers": {"server": "gunicorn"}}, "answers / with header server"),
        ({"path": "/gone", "status": 404}, ""),
        ({"path": "/events.json", "status": 500}, ""),  # the runbook knows it by that
        (None, ""),
    ],
)
def test_an_address_has_to_answer_as_its_marker_says(
    tmp_path: Path,
    new_context: Callable[..., Context],
    monkeypatch: pytest.MonkeyPatch,
    marker: object,
    said: str,
) -> None:
    folder, port = tmp_path / "services", free_port()
    monkeypatch.setattr(service_start, "WAIT_SECONDS", 3.0 if said else 30.0)
    with platform(folder) as settings:
        digest = Release("half", [sys.executable, "-c", HALF_DEAD, str(port)]).keep(folder)
        services_control.know(folder, "half", digest, running=False)
        services_control.wait(folder)
        api = {"kind": "http", "url": f"http://127.0.0.1:{port}", **({"marker": marker} if marker else {})}
        context = new_context({"engine": settings, "api": api})
        raw = {"platform": "engine", "services": ["half"], "answers": "api", "stays_seconds": 0.1}
        outcome = START.run(START.bind(raw, context), Recorder())
    assert outcome.ok == (not said), outcome.summary
    assert said in outcome.summary
