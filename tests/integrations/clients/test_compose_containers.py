"""The containers of a Compose service are judged one by one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from integrations.clients.platform import ServiceStatus, get_platform
from integrations.systems import System

PLATFORM = System("engine", "platform", {"driver": "compose"}, {})


def row(state: str = "running", health: str = "", **more: str) -> dict[str, str]:
    return {"Service": "api", "State": state, "Health": health, "Image": "api@sha256:1", **more}


def read(*rows: dict[str, str]) -> ServiceStatus:
    return get_platform(PLATFORM).parse_status("\n".join(map(json.dumps, rows)))["api"]


@pytest.mark.parametrize(
    ("rows", "is_up", "is_down"),
    [
        ([row(), row()], True, False),
        ([row(health="healthy")], True, False),
        ([row(health="starting")], False, False),
        ([row(), row(health="unhealthy")], False, False),
        ([row(), row("exited")], False, False),  # it ended by itself: Compose removes what is not wanted
        ([row("dead"), row("exited")], False, True),
        ([row("restarting")], False, False),
        ([row("paused")], False, False),
        ([row("created")], False, False),
        ([row(), row("exited", Labels="a=b,com.docker.compose.oneoff=True")], True, False),
    ],
)
def test_a_service_is_up_when_each_of_its_containers_is(
    rows: list[dict[str, str]], is_up: bool, is_down: bool
) -> None:
    found = read(*rows)
    assert (found.is_up, found.is_down) == (is_up, is_down)


def docker(folder: Path, rows: list[dict[str, str]], details: list[dict[str, Any]]) -> None:
    """A stand-in for ``docker``, which prints these rows and details."""
    program = folder / "docker"
    said = f"{{'ps': {json.dumps(rows)!r}, 'inspect': {json.dumps(details)!r}}}"
    choice = "'ps' if 'ps' in sys.argv else 'inspect'"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint({said}[{choice}])\n")
    program.chmod(0o755)


def test_restarts_kills_and_the_answer_of_the_health_check_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    health = {"Log": [{"Output": "connect ECONNREFUSED\n 127.0.0.1:3000"}]}
    state = {"OOMKilled": True, "Health": health}
    docker(
        tmp_path,
        [row(ID="abc"), row(health="unhealthy", ID="def", Status="Up 3 s (unhealthy)")],
        [{"Id": "abc1", "RestartCount": 0}, {"Id": "def2", "RestartCount": 4, "State": state}],
    )
    found = get_platform(PLATFORM).read_status()["api"]
    assert (found.restarts, found.ready, found.replicas) == (4, 1, 2)
    assert "killed for lack of memory" in str(found)
    assert "its health is “unhealthy”: connect ECONNREFUSED 127.0.0.1:3000" in str(found)


@pytest.mark.parametrize("details", [[], {}, [1, {"Id": "abc", "State": [], "RestartCount": "x"}]])
def test_details_of_another_form_leave_restarts_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, details: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    docker(tmp_path, [row(ID="abc")], details)
    found = get_platform(PLATFORM).read_status()["api"]
    assert (found.is_up, found.restarts) == (True, None)
