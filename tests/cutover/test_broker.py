"""Messages that are not ours: the worker drops them, says so without their content, and goes on."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings

from checklists import tasks
from checklists.models import Attempt
from cutover import broker
from tests.checklists.executor.conftest import (
    FAST,
    Panel,
    cutover,
    lasting_panel,
    queue,
    running_panel,
    wait_for_status,
    watchers,
    world,
)
from tests.waiting import wait_for

__all__ = ["cutover", "lasting_panel", "queue", "running_panel", "watchers", "world"]  # fixtures
TIMES_OF_THE_PANEL = FAST
SECRET = "sk_live_hidden"
KEY = str(uuid.uuid4())


def encode(*call: Any) -> str:
    return base64.b64encode(json.dumps(call).encode()).decode()


GOOD: dict[str, Any] = broker.make_message("steps.perform", uuid.UUID(KEY), "steps")
HEADERS = GOOD["headers"]
MALFORMED: dict[str, Any] = {
    "a list": [SECRET],
    "null": None,
    "a number": 7,
    "no headers": {**GOOD, "headers": None},
    "no task": {**GOOD, "headers": {}},
    "an unknown task": {**GOOD, "headers": {**HEADERS, "task": SECRET}},
    "a task of Celery": {**GOOD, "headers": {**HEADERS, "task": "celery.backend_cleanup"}},
    "a list as task": {**GOOD, "headers": {**HEADERS, "task": [SECRET]}},
    "no body": {**GOOD, "body": None},
    "a body that is no base64": {**GOOD, "body": SECRET},
    "a body that is no JSON": {**GOOD, "body": base64.b64encode(SECRET.encode()).decode()},
    "a body in another encoding": {**GOOD, "body": base64.b64encode(b"\xff\xfe").decode()},
    "a huge body": {**GOOD, "body": encode([SECRET * 1_000_000], {}, {})},
    "no argument": {**GOOD, "body": encode([], {}, {})},
    "two arguments": {**GOOD, "body": encode([KEY, SECRET], {}, {})},
    "a named argument": {**GOOD, "body": encode([KEY], {"worker": SECRET}, {})},
    "no id": {**GOOD, "body": encode([SECRET], {}, {})},
    "a number as id": {**GOOD, "body": encode([7], {}, {})},
    "deep": {**GOOD, "body": base64.b64encode(b"[" * 7000).decode()},
}


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_named_without_its_content(message: Any) -> None:
    with pytest.raises(broker.Malformed) as raised:
        broker.read_message(message)
    assert SECRET not in str(raised.value)


def test_only_task_and_id_of_a_message_are_obeyed() -> None:
    forged = {**HEADERS, "eta": "2999-01-01T00:00:00", "timelimit": [1, 1], "stamps": {"x": SECRET}}
    properties = {"delivery_tag": None, "body_encoding": "rot13"}
    strange = {**GOOD, "headers": forged, "properties": properties, "content-type": "application/x-python"}
    task, key = broker.read_message(strange)
    made = broker.make_message(task, key, "steps")
    assert (task, str(key)) == ("steps.perform", KEY)
    assert SECRET not in json.dumps(made)
    assert (made["headers"]["eta"], made["headers"]["timelimit"]) == (None, [None, None])


def test_a_worker_survives_every_malformed_message(
    running_panel: Panel, queue: Callable[..., Attempt]
) -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    worker = running_panel.processes[-1]
    client.lpush("steps", "garbage", b"\xff\xfe\x00", "{", *map(json.dumps, MALFORMED.values()))
    attempt = queue("test.pure")
    began = time.monotonic()
    tasks.wake_worker(str(attempt.pk))
    assert wait_for_status(attempt).status == "SUCCEEDED"
    wait_for(lambda: client.llen("steps") == 0)
    assert worker.poll() is None
    assert time.monotonic() - began < 20  # before, the worker was away for 22 s
    said = running_panel.output()
    assert "CRITICAL" not in said
    assert said.count("was dropped") >= len(MALFORMED)
    assert SECRET not in said
    client.close()
