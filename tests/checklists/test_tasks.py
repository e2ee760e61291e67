"""A message may get lost, however the broker fails: whoever sends it goes on, and the row is found later."""

from __future__ import annotations

import logging

import pytest
import redis
from kombu.exceptions import OperationalError

from checklists import tasks

LOST = (
    OperationalError("Connection reset by peer"),
    redis.ConnectionError("gone"),
    OSError("no route"),
    AttributeError("'NoneType' object has no attribute 'client'"),  # kombu, of a channel that was closed
)


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_a_message_that_cannot_be_sent_stops_nobody(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(tasks.run_attempt, "apply_async", fail)
    with caplog.at_level(logging.WARNING):
        tasks.wake_worker("9c0e")
    assert [type(error).__name__ in record.getMessage() for record in caplog.records] == [True]
