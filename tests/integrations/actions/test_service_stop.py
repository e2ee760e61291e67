"""Services are stopped on a real platform of processes, and whatever is left of them is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, registry, service_stop
from integrations.clients import http
from integrations.errors import Cancelled, Problem, Unreachable
from integrations.sandbox import services_control
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.platforms import answering, free_port, platform

Make = Callable[..., Context]
STOP, START = registry()["service.stop"], registry()["service.start"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], str]]:
    """A platform with one service that runs, and its address."""
    folder, port = tmp_path_factory.mktemp("platform") / "services", free_port()
    with platform(folder) as settings:
        digest = answering("api", "one", port).keep(folder)
        services_control.know(folder, "api", digest, running=True)
        services_control.wait(folder)
        yield settings, f"http://127.0.0.1:{port}"


@pytest.fixture
def bind(running: tuple[dict[str, str], str], new_context: Make) -> Callable[..., Any]:
    def bound(action: Any = STOP, systems: dict[str, Any] | None = None, **raw: Any) -> Any:
        known = {"engine": running[0], "api": {"kind": "http", "url": running[1]}, **(systems or {})}
        context = new_context(known)
        return action.bind({"platform": "engine", "services": ["api"], **raw}, context)

    return bound


def test_starting_reverts_stopping(bind: Any, running: tuple[dict[str, str], str]) -> None:
    values, report = bind(), Recorder()
    before = STOP.before(values)
    assert before["services"]["api"]["ready"] == 1
    assert STOP.probe(values, before).status == ProbeStatus.NOT_DONE
    assert STOP.run(values, report).ok
    assert report.facts["services"]["api"]["state"] == "stopped"
    assert STOP.probe(values, before).status == ProbeStatus.DONE
    with pytest.raises(Unreachable):
        http.request(running[1], "/")
    started = START.run(bind(START, answers="api"), Recorder())
    assert started.ok, started.summary
    assert http.request(running[1], "/").json() == {"version": "one"}
    assert START.probe(bind(START), {}).status == ProbeStatus.DONE


def test_stopping_a_stopped_service_succeeds(bind: Any) -> None:
    assert STOP.run(bind(), Recorder()).ok
    assert STOP.run(bind(), Recorder()).ok
    assert START.run(bind(START, answers="api"), Recorder()).ok


def test_an_unknown_service_is_named_and_nothing_is_stopped(bind: Any) -> None:
    with pytest.raises(Problem, match="no service app"):
        STOP.run(bind(services=["api", "app"]), Recorder())
    assert START.probe(bind(START), {}).status == ProbeStatus.DONE


def test_a_session_that_is_left_is_reported_with_its_origin(
    bind: Any, app_database: AppDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_stop, "SESSION_WAIT", 0.5)
    systems = {
        "admin": {"kind": "postgres", "url": app_database.admin_url},
        "app": {"kind": "postgres", "url": app_database.app_url},
    }
    with psycopg.connect(app_database.app_url, application_name="a forgotten cron job"):
        report = Recorder()
        outcome = STOP.run(bind(systems=systems, database="admin", login="app"), report)
    assert not outcome.ok
    assert "a forgotten cron job" in outcome.summary
    assert report.facts["sessions_left"][0]["sessions"] == 1
    outcome = STOP.run(bind(systems=systems, database="admin", login="app"), Recorder())
    assert outcome.ok, outcome.summary
    assert START.run(bind(START, answers="api"), Recorder()).ok


def test_a_cancel_while_it_waits_ends_it(bind: Any) -> None:
    with pytest.raises(Cancelled):
        START.run(bind(START, services=["api"], answers="api"), Recorder(cancel_when=lambda r: True))
    assert START.run(bind(START, answers="api"), Recorder()).ok


def test_the_preview_shows_the_exact_command_and_changes_nothing(bind: Any, tmp_path: Path) -> None:
    preview = STOP.preview(bind())
    assert preview.lines[0].endswith("services stop api")
    assert any("running" in warning for warning in preview.warnings)
    assert START.probe(bind(START), {}).status == ProbeStatus.DONE
