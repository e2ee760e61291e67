"""The logs of services are read on while both stacks are compared; a line about an error ends the watch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms

from integrations.actions import Context, registry
from integrations.sandbox.serving import Answer, Asked, server_of
from integrations.traffic.dual_run.service_logs import find_new_lines
from tests.integrations.recorder import Recorder
from tests.ports import free_port

ACTION = registry()["dualrun.watch"]


class Service:
    """Both stacks, which write a line to a log at each request."""

    def __init__(self, file: Path) -> None:
        self.file, self.line = file, ""
        file.write_text("ERROR of yesterday\n")

    def __call__(self, asked: Asked) -> Answer:
        with self.file.open("a") as log:
            log.write(f"{self.line}\n")
        return Answer(200, [{"id": 1}])


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path / "api.log")


@pytest.fixture
def bind(service: Service, new_context: Callable[..., Context]) -> Iterator[Callable[..., Any]]:
    port = free_port()
    with server_of(port, service, name="both") as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        stack = {"kind": "http", "url": f"http://127.0.0.1:{port}"}
        commands = {"kind": "platform", "driver": "command", "status": "cat x"}
        engine = {**commands, "logs": "cat {services}"}
        context = new_context({"old": stack, "new": stack, "engine": engine, "mute": commands})
        given = {"old": "old", "new": "new", "reads": [{"old": "/x", "new": "/x"}], "seconds": 0}
        yield lambda **params: ACTION.bind({**given, **params}, context)
        server.shutdown()


def watch(values: Any) -> tuple[Any, dict[str, Any], Recorder]:
    report = Recorder()
    outcome = ACTION.run(values, report)
    return outcome, report.facts["dual_run"], report


@pytest.mark.parametrize(
    ("line", "ok"),
    [("[Nest] 7 - ERROR [ExceptionsHandler] it broke", False), ("[Nest] 7 - LOG terror is no error", True)],
)
def test_lines_of_the_logs_that_tell_of_errors_end_the_watch(
    bind: Any, service: Service, line: str, ok: bool
) -> None:
    service.line = line
    name = str(service.file)
    outcome, facts, report = watch(bind(platform="engine", services=[name], bounds={"max_log_errors": 0}))
    assert outcome.ok is ok, outcome.summary
    assert facts["logs"] == {name: {"lines": 2, "errors": 0 if ok else 2}}
    if ok:
        assert "2 new line(s) in the logs, 0 tell of errors" in outcome.summary
    else:
        assert "2 line(s) of the logs tell of errors, 0 are tolerated. The first: " in outcome.summary
        assert "it broke" in outcome.summary
        assert "it broke" in report.text


def test_logs_that_the_platform_does_not_show_are_named(bind: Any) -> None:
    outcome, facts, _ = watch(bind(platform="mute", services=["api"]))
    assert outcome.ok
    assert "The logs of api were not read: the platform shows none." in outcome.summary
    assert facts["logs"] == {}
    with pytest.raises(forms.ValidationError, match="name both, or neither"):
        bind(platform="mute")
    with pytest.raises(forms.ValidationError, match="is no regular expression"):
        bind(platform="mute", services=["api"], log_errors="(")


def test_new_lines_are_found_after_those_that_are_known() -> None:
    assert find_new_lines(["a", "b"], ["a", "b", "c"]) == ["c"]
    assert find_new_lines(["a", "b", "b"], ["b", "b", "c"]) == ["c"]
    assert find_new_lines(["a"], ["x", "y"]) == ["x", "y"]
    assert find_new_lines(["a"], ["a"]) == []
    assert find_new_lines([], []) == []
