"""The panel starts an API on a database, waits for it, sees that it uses that database, and ends it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from integrations.clients import http, postgres
from integrations.environment.api_process import ApiProcess
from integrations.errors import Problem, Unreachable
from integrations.systems import Systems
from tests.allowed import allow
from tests.integrations.recorder import Recorder

#: An API that connects to the database of one of its variables, and answers with its settings.
API = """\
import http.server, json, os, sys
import psycopg
if os.environ.get("ENDS"):
    print("Nest could not find Logger element"); sys.exit(1)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with psycopg.connect(os.environ[sys.argv[1]]) as connection:
            name = connection.execute("select current_database()").fetchone()[0]
        known = {"mode": os.environ["MODE"], "key": os.environ["STRIPE_SECRET_KEY"]}
        body = json.dumps({"database": name, **known})
        self.send_response(200); self.end_headers(); self.wfile.write(body.encode())
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
Start = Callable[..., ApiProcess]


@pytest.fixture
def start(tmp_path: Path, new_database: Callable[[], str]) -> Start:
    """Makes the system, on a fresh database beside one that is production's."""
    production, copy = new_database(), new_database()
    script, settings = tmp_path / "api.py", tmp_path / "new.env"
    script.write_text(API)
    settings.write_text(
        f"DATABASE_URL={production}\nMODE=live\nSTRIPE_SECRET_KEY=sk_live_123456\nOTHER={production}\n"
    )
    allow(f"{sys.executable} {script}")

    def make(reads: str = "DATABASE_URL", **more: str) -> ApiProcess:
        section: dict[str, Any] = {
            "kind": "api_process",
            "stands_for": "api",
            "command": f"{sys.executable} {script} {reads}",
            "settings": str(settings),
            "database": "DATABASE_URL",
            "port": "PORT",
            **more,
        }
        system = Systems({"on-copy": section}, environ={})["on-copy"]
        return ApiProcess(system, copy, postgres.with_database(copy, "postgres"))

    return make


def test_it_runs_with_productions_settings_except_the_named_ones_and_is_ended(
    start: Start, tmp_path: Path
) -> None:
    api, report = start(variables="MODE=rehearsal"), Recorder()
    with api.run(report, attempt="1-2", folder=tmp_path) as url:
        answer = http.request(url, "/").json()
        assert answer["database"] == postgres.connection_settings(api.database)["dbname"]
        assert (answer["mode"], answer["key"]) == ("rehearsal", "sk_live_123456")
    with pytest.raises(Unreachable):
        http.request(url, "/")
    assert sorted(api.list_changes()) == ["DATABASE_URL", "MODE", "PORT"]


def test_what_nobody_calls_public_is_a_secret_whatever_its_name(start: Start) -> None:
    api = start(variables="MODE=rehearsal")
    secrets = api.list_secrets()
    assert {"sk_live_123456", "rehearsal", urlsplit(api.read_settings()["OTHER"]).password} <= set(secrets)
    assert not {api.read_settings()["OTHER"], str(api.port)} & set(secrets)
    assert "rehearsal" not in start(variables="MODE=rehearsal", public="MODE PORT").list_secrets()


def test_an_api_that_uses_another_database_is_refused_before_anything_is_asked(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.environment.api_process.SESSION_TIMEOUT", 0.5)
    run = start(reads="OTHER").run(Recorder(), attempt="1", folder=tmp_path)
    with pytest.raises(Problem, match="never connected to") as refused, run:
        raise AssertionError("nothing may be asked of it")
    assert "DATABASE_URL" in refused.value.next


def test_an_api_that_ends_at_its_start_is_quoted(start: Start, tmp_path: Path) -> None:
    run = start(variables="ENDS=1").run(Recorder(), attempt="1", folder=tmp_path)
    with pytest.raises(Problem, match=r"exit code 1.*could not find Logger element"), run:
        pass


def test_without_a_command_it_is_not_configured(start: Start) -> None:
    assert start().is_configured
    assert not start(command="").is_configured
