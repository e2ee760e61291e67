"""Queues are read as seven versions of Bull and BullMQ have written them.

``queue_layouts.json`` was recorded from the real libraries on Valkey 9. Each had made, in a queue “send”: the
jobs plain, late (an hour of delay) and prio (a priority); a repeatable job “send:mail” by a cron pattern and
one “every” by an interval; BullMQ also a flow with a parent, BullMQ 5.81 also a job scheduler “sched-id”. A
worker ran for a second, then the queue was paused and one more job was added.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions.bullmq_backlog import find_paused
from integrations.actions.bullmq_library import check_library
from integrations.actions.bullmq_schedules import WantedSchedule, find_wrong_schedules
from integrations.clients import bullmq
from integrations.clients.bullmq import EndedJobs, Queue
from integrations.clients.bullmq_schedules import SCORE
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.queues import valkey

RECORDED = json.loads(Path(__file__).with_name("queue_layouts.json").read_text())
VERSIONS = list(RECORDED["queues"])
WANTED = [WantedSchedule({"job": "send:mail", "cron": "0 7 * * 1"}), WantedSchedule("every")]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bullmq.RedisClient]:
    with valkey(tmp_path_factory.mktemp("queue")) as url, bullmq.connect(url) as client:
        yield client


@pytest.fixture(params=VERSIONS)
def queue(request: pytest.FixtureRequest, client: bullmq.RedisClient) -> Queue:
    """The recorded queue, as if it had been recorded now."""
    client.flushdb()
    client.set("other:jobs:id", "1")
    later = int(time.time() * 1000) - RECORDED["recorded_at"]
    for part, (kind, value) in RECORDED["queues"][request.param].items():
        put(client, f"bull:send:{moved(part, later)}", kind, moved(value, later), later)
    return Queue(client, "send")


def moved(value: Any, later: int) -> Any:
    """The value with every moment in its texts moved."""
    if isinstance(value, str):
        return re.sub(r"\b179\d{10}\b", lambda found: str(int(found[0]) + later), value)
    if isinstance(value, dict):
        return {name: moved(inner, later) for name, inner in value.items()}
    return [moved(inner, later) for inner in value] if isinstance(value, list) else value


def put(client: bullmq.RedisClient, key: str, kind: str, value: Any, later: int) -> None:
    if kind == "string":
        client.set(key, value)
    elif kind == "hash":
        client.hset(key, mapping=value)
    elif kind == "list":
        client.rpush(key, *value)
    elif kind == "set":
        client.sadd(key, *value)
    elif kind == "zset":
        client.zadd(key, {member: score + later * (SCORE if score > 1e14 else 1) for member, score in value})
    else:
        for event, fields in value:
            client.xadd(key, fields, id=event)


def test_schedules_of_every_version_are_found_by_name_with_their_next_run(queue: Queue) -> None:
    found = queue.schedules()
    names = {one.name: one for one in found}
    assert {"send:mail", "every"} <= set(names)
    assert names["send:mail"].pattern == "0 7 * * 1"
    assert names["every"].every == "60000"
    assert all(one.next_job and not one.more_runs for one in found)
    assert find_wrong_schedules(WANTED, found, None, queue.queued_runs()) == []


def test_a_schedule_whose_next_run_is_gone_is_red_in_every_version(queue: Queue) -> None:
    gone = next(one.next_job for one in queue.schedules() if one.name == "send:mail")
    queue.client.zrem(queue.key("delayed"), gone)
    wrong = find_wrong_schedules(WANTED, queue.schedules(), None, queue.queued_runs())
    assert len(wrong) == 1
    assert "send:mail is scheduled, but its next run is not in the queue" in wrong[0]


def test_a_second_run_and_a_run_of_a_schedule_that_is_gone_are_red_in_every_version(queue: Queue) -> None:
    one = next(one for one in queue.schedules() if one.name == "send:mail")
    at = int(time.time() * 1000) + 7_200_000
    second = f"{one.next_job.rpartition(':')[0]}:{at}"
    queue.client.copy(queue.key(one.next_job), queue.key(second))
    queue.client.zadd(queue.key("delayed"), {second: at * SCORE})
    twice = find_wrong_schedules(WANTED, queue.schedules(), None, queue.queued_runs())
    assert ["2 runs of send:mail are in the queue" in said for said in twice] == [True]
    queue.client.zrem(queue.key("repeat"), one.id)
    left = find_wrong_schedules(WANTED, queue.schedules(), None, queue.queued_runs())
    assert "Not scheduled: send:mail" in left[0]
    assert "which a schedule left behind" in left[1]


def test_a_paused_queue_and_its_jobs_are_seen_in_every_version(queue: Queue) -> None:
    assert find_paused(queue)
    depth = queue.depth()
    assert depth.paused >= 1
    assert (depth.delayed >= 3, depth.overdue) == (True, 0)
    queue.client.hdel(queue.key("meta"), "paused")
    queue.client.delete(queue.key("meta-paused"))
    assert not find_paused(queue)


def test_a_worker_that_is_gone_and_an_overdue_job_are_seen_in_every_version(queue: Queue) -> None:
    queue.client.delete(queue.key("active"))
    queue.client.rpush(queue.key("active"), "0:1795967745098", "3")  # a marker of BullMQ 4, and a job
    queue.client.zadd(queue.key("delayed"), {"2": (int(time.time()) - 3600) * 1000 * SCORE})
    depth = queue.depth()
    assert (depth.stalled, depth.overdue) == (1, 1)
    assert depth.waiting > depth.wait


def test_the_library_is_recognised_or_said_to_be_unknown(
    queue: Queue, request: pytest.FixtureRequest
) -> None:
    version, report = request.node.callspec.params["queue"], Recorder()
    expected = {"Bull 3.29.3": "Bull 3 or 4", "Bull 4.16.5": "Bull 3 or 4"}
    unknown = ("BullMQ 1.91.1", "BullMQ 5.0.0")  # they do not write their version
    assert queue.library() == expected.get(
        version, "BullMQ of an unknown version" if version in unknown else version
    )
    refused = check_library(queue, True, report)
    assert bool(refused) is (version not in ("BullMQ 5.81.5", *unknown))
    assert not check_library(queue, False, report)


def test_a_failure_is_counted_also_where_the_library_writes_no_events(queue: Queue) -> None:
    ended = EndedJobs()
    ended.update(queue)
    if queue.library() == "Bull 3 or 4":
        queue.client.zadd(queue.key("failed"), {"6": int(time.time() * 1000) + 5})
        queue.client.hset(queue.key("6"), "failedReason", "no such step")
    else:
        queue.client.xadd(
            queue.key("events"), {"event": "failed", "jobId": "7", "failedReason": "no such step"}
        )
    ended.update(queue)
    assert ended.failed == 1
    assert ended.failures[0]["reason"] == "no such step"


def test_parents_that_wait_for_children_are_counted_apart(queue: Queue) -> None:
    depth = queue.depth()
    assert depth.waiting_children == queue.client.zcard(queue.key("waiting-children"))
    assert depth.waiting_children == (0 if queue.library() == "Bull 3 or 4" else 1)


def test_queues_of_another_name_or_prefix_are_named(queue: Queue) -> None:
    missing = Queue(queue.client, "sent", "bullmq")
    assert not missing.exists()
    assert missing.find_others() == ["bull:send", "other:jobs"]
