"""A service that does not come up is a verdict that says so (what goes well is in `test_service_stop`)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry, service_start
from integrations.actions.base import Context
from integrations.sandbox import services_control
from integrations.sandbox.services import Release
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.platforms import free_port, platform

START = registry()["service.start"]


def test_one_that_runs_but_does_not_answer_is_not_ready(
    tmp_path: Path, new_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "services"

    def wait_briefly(*given: Any) -> Any:
        return service_start_wait(*given, seconds=1.0)

    service_start_wait = service_start.wait_until
    monkeypatch.setattr(service_start, "wait_until", wait_briefly)
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
