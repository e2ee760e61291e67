"""Services of each platform are kept with configuration, digests and logs, stopped, and brought back."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, RunbookItem, registry
from integrations.clients.platform import get_platform
from integrations.credentials import Credentials
from integrations.systems import Systems
from tests.allowed import allow
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.engines import Engines

ARCHIVE, START = registry()["decommission.archive"], registry()["service.start"]
IMAGE = "registry/old-app:7"
OWN = """#!/bin/sh
case "$1" in
  status) cat {state};;
  config) echo "configuration of $2";;
  logs) echo "GET / 200 of $2";;
  start) sed -i 's/"replicas": 0, "ready": 0/"replicas": 3, "ready": 3/; s/stopped/running/' {state};;
  stop) sed -i 's/"replicas": 3, "ready": 3/"replicas": 0, "ready": 0/; s/running/stopped/' {state};;
esac
"""
EXPECTED = {
    "compose": {"status.json", "compose.json", "image-old-app.json", "old-app.log"},
    "kubectl": {"status.json", "old-app-abc-0.log", "old-app-abc-1.log", "old-app-abc-2.log"},
    "command": {"status.json", "config", "old-app.log"},
}
EXPECTED["helm"] = {*EXPECTED["kubectl"], "helm-values.yaml", "helm-manifest.yaml"}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, str]]:
    """The settings of a platform where the old application runs three times."""
    file, own, state = tmp_path / "compose.yaml", tmp_path / "own", tmp_path / "state.json"
    file.write_text(f"services: {{old-app: {{image: '{IMAGE}'}}}}\n")
    status = {"state": "running", "replicas": 3, "ready": 3, "image": f"{IMAGE}@sha256:1"}
    state.write_text(json.dumps({"services": {"old-app": status}}))
    own.write_text(OWN.format(state=state))
    own.chmod(0o755)
    allow(own)
    engines = Engines(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("PATH", f"{engines.at}:/usr/bin:/bin")
    engines.knows({IMAGE: {"Cmd": ["gunicorn"]}})
    engines.runs("old-app", 3, IMAGE)
    verbs = {verb: f"{own} {verb} {{services}}" for verb in ("start", "stop", "config", "logs", "status")}
    settings = {
        "compose": {"file": str(file)},
        "kubectl": {"namespace": "prod"},
        "helm": {"release": "night", "chart": "c", "namespace": "prod"},
        "command": {**verbs, "status": f"{own} status"},
    }
    return lambda driver: {"kind": "platform", "driver": driver, **settings[driver]}


@pytest.fixture
def quiet(tmp_path: Path) -> dict[str, Any]:
    """A stack that is gone, and a load balancer whose log has no request since an hour."""
    at = datetime.datetime.now(datetime.UTC).timestamp() - 3700
    log = tmp_path / "access.log"
    log.write_text(json.dumps({"ts": at, "upstream": "old:1"}) + "\n")
    door = {"kind": "proxy", "driver": "nginx", "pool": "x", "old": "old:1", "new": "new:1", "log": str(log)}
    return {"door": door, "old": {"kind": "http", "url": "http://127.0.0.1:9", "marker": "server: old"}}


@pytest.mark.parametrize("driver", sorted(EXPECTED))
def test_an_archive_keeps_all_that_is_needed_and_a_start_brings_back_as_many_as_ran(
    driver: str,
    engine: Callable[[str], dict[str, str]],
    quiet: dict[str, Any],
    new_context: Callable[..., Context],
) -> None:
    systems = {**quiet, "engine": engine(driver)}
    context = new_context(systems)
    what = {"platform": "engine", "services": ["old-app"]}
    raw = {"old": "old", "counted_at": ["door"], "quiet_minutes": 60, "watch_seconds": 0.1, **what}
    params, report = ARCHIVE.bind(raw, context), Recorder()
    before = ARCHIVE.before(params)
    outcome = ARCHIVE.run(params, report)
    assert outcome.ok, outcome.summary
    kept = report.facts["kept"]
    assert {one["name"] for one in kept["files"]} == EXPECTED[driver]
    assert all("@sha256:1" in digest for digest in kept["digests"]["old-app"])
    assert len(kept["digests"]["old-app"]) == 1
    assert (kept["without_log"], report.facts["warnings"]) == ({}, [])
    log = next(one["name"] for one in kept["files"] if one["name"].endswith(".log"))
    text = Credentials().decrypt((Path(kept["folder"]) / f"{log}.fernet").read_bytes())
    assert text.startswith(b"GET / 200 of old-app")
    assert get_platform(Systems(systems, {})["engine"]).read_status()["old-app"].is_down
    assert ARCHIVE.probe(params, before).status == ProbeStatus.DONE

    again = Recorder()  # what is gone by then is said
    assert ARCHIVE.run(params, again).ok
    gone = driver in ("kubectl", "helm")
    assert any("No log of old-app was kept" in one for one in again.facts["warnings"]) is gone
    assert any("The digest of old-app is not known" in one for one in again.facts["warnings"]) is gone

    items = {"archive": {**before, **report.facts}}
    started = START.bind(
        {**what, "stays_seconds": 0, "as_before": ["archive"]},
        Context(
            **{
                **vars(context),
                "traces": items,
                "items": {"archive": RunbookItem("decommission.archive", {})},
            }
        ),
    )
    assert START.run(started, Recorder()).ok
    status = get_platform(Systems(systems, {})["engine"]).read_status()["old-app"]
    assert (status.replicas, status.ready) == (3, 3)


def test_without_the_items_one_of_each_is_started(
    engine: Callable[[str], dict[str, str]], new_context: Callable[..., Context]
) -> None:
    context = new_context({"engine": engine("kubectl")})
    params = START.bind({"platform": "engine", "services": ["old-app"]}, context)
    assert "--replicas=1 deployment/old-app" in START.preview(params).lines[0]
