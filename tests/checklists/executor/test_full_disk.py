"""A disk that takes nothing more is an error in words, with what to do, whatever the action was doing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checklists.executor.process.action_process import PipeReport, run_action


class Sent:
    """The action's end of the pipe; keeps what was sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.sending = False

    def send(self, **message: Any) -> None:
        self.messages.append(message)

    def send_line(self, piece: str, stream: str, *, more: bool) -> None:
        self.send(log=[piece, stream, more])

    def wait_for_permission(self) -> bool:
        return True


class Job:
    """An attempt whose action does what it is told."""

    attempt = "a1"

    def __init__(self, action: Any) -> None:
        self.action = action

    def bind(self) -> None:
        """It has no parameters."""


class WritesToFullDisk:
    """Writes to Linux's device that is always full."""

    def before(self, params: None) -> dict[str, Any]:
        return {}

    def run(self, params: None, report: PipeReport) -> None:
        try:
            Path("/dev/full").write_text("x")
        except OSError as error:
            raise RuntimeError("the backup could not be finished") from error


@pytest.fixture
def signals_stay() -> Iterator[None]:
    """`run_action` takes signals, as a process of its own may."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_an_action_on_a_full_disk_ends_with_an_error_in_words(signals_stay: None) -> None:
    sent = Sent()
    run_action(Job(WritesToFullDisk()), sent)
    problem = sent.messages[-1]["problem"]
    assert problem["what"] == "There is no space left on the disk."
    assert "is not complete" in problem["means"]
    assert problem["next"].endswith("then try again.")
    assert any("OSError" in str(message.get("log")) for message in sent.messages)
