"""The queue is watched with the real BullMQ at both ends: its worker under Node.js, and its library."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bullmq as library
import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import bullmq
from integrations.errors import Cancelled
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.estates import until
from tests.integrations.sandbox.queues import QUEUE, valkey, worker

ACTION = registry()["bullmq.watch"]
SCHEDULES = ["prayer-notifications", "kpi-digest", "automations"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Iterator[str]:
    """A queue with a worker at it."""
    with valkey(tmp_path_factory.mktemp("queue")) as address, worker(packages, address):
        yield address


@pytest.fixture
def bind(url: str, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bound(address: str = "", **raw: Any) -> Any:
        context = new_context({"queue": {"kind": "redis", "url": address or url}})
        return ACTION.bind({"redis": "queue", "queue": QUEUE, "seconds": 0, "patience": 0, **raw}, context)

    return bound


def test_a_healthy_queue_does_the_canary_and_is_left_as_it_was(bind: Any, url: str) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(canary="canary", schedules=SCHEDULES), report)
    assert outcome.ok, outcome.summary
    assert report.facts["canary"]["state"] == "completed"
    assert report.facts["workers"] == 1
    assert {"waiting", "active", "failed", "completed_per_minute"} <= set(report.points[0])
    with bullmq.connected(url) as client:
        assert not client.exists(f"bull:{QUEUE}:{report.facts['canary']['job']}")


def test_a_schedule_that_is_not_there_is_red(bind: Any) -> None:
    outcome = ACTION.run(bind(schedules=[*SCHEDULES, "weekly-report"]), Recorder())
    assert not outcome.ok
    assert "Not scheduled: weekly-report" in outcome.summary


def test_a_job_that_the_worker_does_not_know_is_red_with_its_reason(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(canary="unheard-of"), report)
    assert not outcome.ok
    assert "no handler for the job unheard-of" in outcome.summary
    assert report.facts["canary"]["removed"] is True
    assert "unheard-of" not in {failure["name"] for failure in report.facts["failures"]}


def test_a_schedule_that_an_older_version_left_beside_the_new_one_is_red(bind: Any, url: str) -> None:
    key, kinds = f"bull:{QUEUE}:repeat", ("0a1b2c3d4e5f", "kpi-digest::::0 6 * * *")
    for kind in kinds:  # of BullMQ 5 before job schedulers, and of BullMQ 4
        with bullmq.connected(url) as client:
            client.zadd(key, {kind: (time.time() + 60) * 1000})
            if ":" not in kind:
                client.hset(f"{key}:{kind}", mapping={"name": "kpi-digest", "pattern": "0 6 * * *"})
            try:
                outcome = ACTION.run(bind(schedules=SCHEDULES), Recorder())
            finally:
                client.zrem(key, kind)
                client.delete(f"{key}:{kind}")
        assert not outcome.ok
        assert "Scheduled 2 times: kpi-digest" in outcome.summary
        assert kind in outcome.summary


def test_a_schedule_that_nobody_runs_is_overdue(bind: Any, url: str) -> None:
    key = f"bull:{QUEUE}:repeat"
    with bullmq.connected(url) as client:
        at = client.zscore(key, "kpi-digest")
        client.zadd(key, {"kpi-digest": (time.time() - 600) * 1000})
        try:
            outcome = ACTION.run(bind(schedules=SCHEDULES), Recorder())
        finally:
            client.zadd(key, {"kpi-digest": at})
    assert not outcome.ok
    assert "kpi-digest is 600 s overdue" in outcome.summary


def test_a_paused_queue_is_red_before_a_canary_is_sent(bind: Any, url: str) -> None:
    with bullmq.connected(url) as client:
        client.hset(f"bull:{QUEUE}:meta", "paused", "1")
        report = Recorder()
        try:
            outcome = ACTION.run(bind(canary="canary"), report)
        finally:
            client.hdel(f"bull:{QUEUE}:meta", "paused")
    assert not outcome.ok
    assert "is paused" in outcome.summary
    assert "canary" not in report.facts


def test_jobs_done_while_we_look_are_counted_though_only_a_hundred_are_kept(bind: Any, url: str) -> None:
    class Busy(Recorder):
        def measure(self, **values: float) -> None:
            super().measure(**values)
            if len(self.points) == 1:
                asyncio.run(self.add())

        async def add(self) -> None:
            queue = library.Queue(QUEUE, {"connection": url, "prefix": "bull"})
            one = {"name": "canary", "data": {}, "opts": {"removeOnComplete": 2}}
            await queue.addBulk([one] * 150)
            await queue.close()

    report = Busy()
    assert ACTION.run(bind(seconds=1.5, max_waiting=1000), report).ok
    assert report.facts["completed"] == 150
    assert report.facts["completed_per_minute"] > 1000


def test_a_failure_while_we_look_ends_it_at_once(bind: Any, url: str) -> None:
    class Meddling(Recorder):
        def measure(self, **values: float) -> None:
            super().measure(**values)
            if len(self.points) == 1:
                bullmq.send(url, QUEUE, "bull", "not-known", {})

    report = Meddling()
    outcome = ACTION.run(bind(seconds=60), report)
    assert not outcome.ok
    assert "1 job(s) failed while we looked" in outcome.summary
    assert report.facts["failures"][0]["name"] == "not-known"


def test_a_queue_that_comes_up_late_is_waited_for(bind: Any, tmp_path: Path) -> None:
    class Started(Recorder):
        def progress(self, done: float, total: float, what: str = "") -> None:
            if "not connected yet" in what:
                bullmq.send(address, QUEUE, "bull", "canary", {})

    with valkey(tmp_path / "q") as address:
        assert ACTION.run(bind(address, workers=0, patience=20), Started()).ok


def test_without_a_worker_jobs_pile_up_and_that_is_said(bind: Any, tmp_path: Path) -> None:
    with valkey(tmp_path / "q") as address:
        nowhere = ACTION.run(bind(address, patience=0.2), Recorder())
        bullmq.send(address, QUEUE, "bull", "canary", {})
        alone = ACTION.run(bind(address), Recorder())
        waiting = ACTION.run(bind(address, workers=0, canary="canary", canary_seconds=0.2), Recorder())
        old = ACTION.run(bind(address, workers=0, max_oldest=0), Recorder())
        with bullmq.connected(address) as client:
            assert client.llen(f"bull:{QUEUE}:wait") == 1, "our canary was taken away again"
        full = ACTION.run(bind(address, workers=0, max_waiting=0), Recorder())
    assert "There is no queue" in nowhere.summary
    assert "0 worker(s)" in alone.summary
    assert "takes no jobs" in waiting.summary
    assert "jobs wait, the bound is 0" in full.summary
    assert "The oldest job waits for" in old.summary
    assert not any(outcome.ok for outcome in (nowhere, alone, waiting, full))


async def add_with_priority(url: str) -> None:
    queue = library.Queue(QUEUE, {"connection": url, "prefix": "bull"})
    for priority in (1, 9):
        await queue.add("canary", {}, {"priority": priority})
    await queue.close()


def test_jobs_with_a_priority_and_those_of_a_paused_queue_wait_too(bind: Any, tmp_path: Path) -> None:
    with valkey(tmp_path / "q") as address:
        asyncio.run(add_with_priority(address))
        with bullmq.connected(address) as client:
            depth = bullmq.Queue(client, QUEUE).depth()
            assert (depth.wait, depth.prioritized, depth.waiting) == (0, 2, 2)
            assert depth.oldest_waiting > 0
            client.rpush(f"bull:{QUEUE}:paused", "7")
            assert bullmq.Queue(client, QUEUE).depth().waiting == 3
        outcome = ACTION.run(bind(address, workers=0, max_waiting=2), Recorder())
    assert "3 jobs wait, the bound is 2" in outcome.summary


def test_it_can_be_cancelled_and_leaves_nothing(bind: Any) -> None:
    with pytest.raises(Cancelled):
        ACTION.run(bind(seconds=60), Recorder(cancel_when=lambda report: bool(report.points)))
    values = bind(canary="canary")
    assert ACTION.probe(values, ACTION.before(values)).seen == Seen.NOT_DONE
    assert any("canary" in line for line in ACTION.preview(values).lines)


def test_a_canary_that_a_lost_attempt_left_behind_is_found_by_its_probe(bind: Any, url: str) -> None:
    values = bind(canary="canary")
    before = ACTION.before(values)
    bullmq.send(url, QUEUE, "bull", "canary", {}, before["canary"])
    finding = ACTION.probe(values, before)
    assert finding.seen == Seen.PARTIAL
    assert before["canary"] in finding.saw
    until(lambda: bullmq.remove(url, QUEUE, "bull", before["canary"]))  # not while the worker has it
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE


def test_addresses_of_people_in_a_reason_are_masked() -> None:
    assert bullmq.first_line("no mailbox ada@people.invalid\nat line 1") == "no mailbox •••"
