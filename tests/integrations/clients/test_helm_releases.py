"""Helm ends before our own timeout does, and a release that was left unfinished is told with the way out."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from integrations.clients.platform import Platform, get_platform
from integrations.errors import Problem
from integrations.systems import System
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.engines import Engines


def helm(chart: str = "c", deadline: timedelta | None = None) -> Platform:
    settings = {"driver": "helm", "release": "night", "chart": chart, "namespace": "prod"}
    return get_platform(System("engine", "platform", settings, {}), deadline)


@pytest.mark.parametrize("minutes", [None, 1, 2, 5, 20, 60])
def test_hooks_wait_and_rollback_end_before_the_command_and_the_attempt_do(minutes: int | None) -> None:
    deadline = timedelta(minutes=minutes) if minutes else None
    platform = helm(deadline=deadline)
    (command,) = platform.apply_commands({})
    own = int(command[command.index("--timeout") + 1].removesuffix("s"))
    assert 3 * own < platform.change_seconds
    if deadline:
        assert platform.change_seconds < deadline.total_seconds()


@pytest.mark.parametrize(
    ("state", "history", "step"),
    [
        (
            "pending-upgrade",
            [{"revision": 6, "status": "superseded"}, {"revision": 7, "status": "deployed"}],
            "helm rollback night 7 --namespace prod --wait",
        ),
        (
            "pending-rollback",
            [{"revision": 6, "status": "superseded"}, {"revision": 7, "status": "failed"}],
            "helm rollback night 6 --namespace prod --wait",
        ),
        ("pending-install", [{"revision": 1, "status": "pending-install"}], "helm uninstall night"),
    ],
)
def test_an_unfinished_release_is_refused_with_the_command_that_settles_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, history: list[dict[str, object]], step: str
) -> None:
    engines = Engines(tmp_path / "bin", monkeypatch)
    helm().refuse_unfinished_change()
    (engines.at / "helm-list.json").write_text(json.dumps([{"name": "night", "status": state}]))
    (engines.at / "helm-history.json").write_text(json.dumps(history))
    with pytest.raises(Problem, match=f"in “{state}”") as refused:
        helm().refuse_unfinished_change()
    assert step in refused.value.next


def test_a_command_that_fails_and_leaves_the_release_unfinished_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = Engines(tmp_path / "bin", monkeypatch)
    (tmp_path / "Chart.yaml").write_text("name: x\n")
    (engines.at / "up.fails").touch()
    platform = helm(str(tmp_path))
    with pytest.raises(Problem, match="ended with code 1") as failed:
        platform.run(platform.apply_commands({}), Recorder(), "")
    assert "Mend the cause" in failed.value.next
    (engines.at / "helm-list.json").write_text('[{"name": "night", "status": "pending-rollback"}]')
    (engines.at / "helm-history.json").write_text('[{"revision": 3, "status": "deployed"}]')
    with pytest.raises(Problem, match="ended with code 1") as failed:
        platform.run(platform.apply_commands({}), Recorder(), "")
    assert "helm rollback night 3" in failed.value.next


def test_events_name_mounts_quotas_and_probes_of_this_service_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = Engines(tmp_path / "bin", monkeypatch)
    engines.runs("api", 1, "x@sha256:1")

    def event(kind: str, name: str, reason: str, at: int) -> dict[str, object]:
        about = {"kind": kind, "name": name}
        said = f"{reason} of {name}"
        when = f"2026-11-29T0{at}:00:00Z"
        return {
            "type": "Warning",
            "reason": reason,
            "message": said,
            "involvedObject": about,
            "lastTimestamp": when,
        }

    events = [
        event("Pod", "api-abc-0", "FailedMount", 1),
        event("ReplicaSet", "api-abc", "FailedCreate", 2),
        event("Pod", "api-old-0", "BackOff", 3),
        event("ReplicaSet", "api-worker-abc", "FailedCreate", 4),
        {"type": "Warning", "involvedObject": None},
    ]
    (engines.at / "events.json").write_text(json.dumps({"items": events}))
    settings = {"driver": "kubectl"}
    found = get_platform(System("engine", "platform", settings, {})).read_warnings("api", "")
    assert found == ["FailedCreate: FailedCreate of api-abc", "FailedMount: FailedMount of api-abc-0"]
