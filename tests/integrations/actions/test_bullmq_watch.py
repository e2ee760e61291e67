"""The queue is watched with the real BullMQ at both ends: its worker under Node.js, and its library."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bullmq as library
import pytest
from django.forms import ValidationError

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients import bullmq
from integrations.errors import Cancelled
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.queues import QUEUE, valkey, worker
from tests.waiting import wait_for

ACTION = registry()["bullmq.watch"]
SCHEDULES = [
    {"job": "digests.executive", "cron": "0 7 * * 1"},
    {"job": "digests.department", "cron": "0 7 * * 1"},
    "automations.follow-up",
]
STEP = {"retry_canary": "automations.execute-step", "retry_data": {"stepId": "cutover-canary"}}


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
    def bind_params(address: str = "", engine: dict[str, str] | None = None, **raw: Any) -> Any:
        systems = {
            "queue": {"kind": "redis", "url": address or url},
            **({"engine": engine} if engine else {}),
        }
        context = new_context(systems)
        return ACTION.bind({"redis": "queue", "queue": QUEUE, "seconds": 0, "patience": 0, **raw}, context)

    return bind_params


def test_a_healthy_queue_runs_the_canary_and_is_left_unchanged(bind: Any, url: str) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(canary="canary", schedules=SCHEDULES, attempts=3), report)
    assert outcome.ok, outcome.summary
    assert report.facts["canary"]["state"] == "completed"
    assert report.facts["workers"] == 1
    assert {"waiting", "active", "failed", "completed_per_minute"} <= set(report.points[0])
    with bullmq.connect(url) as client:
        assert not client.exists(f"bull:{QUEUE}:{report.facts['canary']['job']}")


def test_a_missing_schedule_is_red(bind: Any) -> None:
    outcome = ACTION.run(bind(schedules=[*SCHEDULES, "weekly-report"]), Recorder())
    assert not outcome.ok
    assert "Not scheduled: weekly-report" in outcome.summary


def test_a_canary_that_the_worker_fails_is_red_with_its_reason(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(canary="automations.execute-step", canary_data={"stepId": "x"}), report)
    assert not outcome.ok
    assert "there is no step x" in outcome.summary
    assert report.facts["canary"]["removed"] is True
    assert "automations.execute-step" not in {failure["name"] for failure in report.facts["failures"]}


def test_a_schedule_that_an_older_version_left_as_well_is_red(bind: Any, url: str) -> None:
    key, kinds = f"bull:{QUEUE}:repeat", ("0a1b2c3d4e5f", "digests.executive::::0 6 * * *")
    for kind in kinds:  # of BullMQ 5 before job schedulers, and of BullMQ 4
        with bullmq.connect(url) as client:
            client.zadd(key, {kind: (time.time() + 60) * 1000})
            if ":" not in kind:
                client.hset(f"{key}:{kind}", mapping={"name": "digests.executive", "pattern": "0 6 * * *"})
            try:
                outcome = ACTION.run(bind(schedules=SCHEDULES), Recorder())
            finally:
                client.zrem(key, kind)
                client.delete(f"{key}:{kind}")
        assert not outcome.ok
        assert "Scheduled 2 times: digests.executive" in outcome.summary
        assert kind in outcome.summary


def test_a_schedule_that_nobody_runs_is_overdue(bind: Any, url: str) -> None:
    with moved(url, -600):
        outcome = ACTION.run(bind(schedules=SCHEDULES), Recorder())
    assert not outcome.ok
    assert "automations.follow-up is 600 s overdue" in outcome.summary


@contextmanager
def moved(url: str, seconds: float) -> Iterator[None]:
    """The schedule of the follow-up, but not its next run, at another time from now."""
    key = f"bull:{QUEUE}:repeat"
    with bullmq.connect(url) as client:
        schedules = bullmq.Queue(client, QUEUE).schedules()
        one = next(its.id for its in schedules if its.name == "automations.follow-up")
        at = client.zscore(key, one)
        client.zadd(key, {one: int((time.time() + seconds) * 1000)})
        try:
            yield
        finally:
            client.zadd(key, {one: at})


def test_a_schedule_without_its_next_run_in_the_queue_will_never_run(bind: Any, url: str) -> None:
    with moved(url, 3600):
        outcome = ACTION.run(bind(schedules=SCHEDULES), Recorder())
    assert "automations.follow-up is scheduled, but its next run is not in the queue" in outcome.summary


def test_another_pattern_and_too_few_tries_are_red(bind: Any) -> None:
    other = [{"job": "digests.executive", "cron": "0 6 * * 1"}]
    outcome = ACTION.run(bind(schedules=other, attempts=4), Recorder())
    assert "digests.executive is scheduled by “0 7 * * 1” instead of “0 6 * * 1”" in outcome.summary
    assert "is tried 3 time(s) instead of 4" in outcome.summary


@pytest.mark.parametrize("entry", [7, {"job": "x", "at": "0 7 * * 1"}, {"cron": "0 7 * * 1"}])
def test_an_entry_of_schedules_of_another_shape_is_refused(bind: Any, entry: Any) -> None:
    with pytest.raises(ValidationError, match="name of a job"):
        bind(schedules=[entry])


def test_a_job_that_fails_is_tried_again_with_the_options_of_the_stack(bind: Any, url: str) -> None:
    report = Recorder()
    params = bind(**STEP)
    outcome = ACTION.run(params, report)
    assert outcome.ok, outcome.summary
    retry = report.facts["retry"]
    assert (retry["tries"], retry["reason"]) == (2, "there is no step cutover-canary")
    assert retry["options"]["backoff"] == {"type": "exponential", "delay": 5000}
    assert 4 < retry["pause"] < 15
    assert retry["not_proven"]
    assert retry["removed"]
    assert ACTION.probe(params, ACTION.before(params)).status == ProbeStatus.NOT_DONE
    with bullmq.connect(url) as client:
        assert not client.exists(f"bull:{QUEUE}:{retry['job']}")


def test_what_does_not_prove_a_retry_is_red(bind: Any, tmp_path: Path, packages: Path) -> None:
    done = ACTION.run(bind(retry_canary="canary"), Recorder())
    slow = ACTION.run(bind(**STEP, retry_seconds=1), Recorder())
    assert "so no retry was proven" in done.summary
    assert "was not tried again within 1 s" in slow.summary
    with valkey(tmp_path / "q") as address:
        with worker(packages, address, QUEUE_MAX_ATTEMPTS="1"):
            once = ACTION.run(bind(address, **STEP), Recorder())
        nobody = ACTION.run(bind(address, workers=0, **STEP, retry_seconds=1), Recorder())
    assert "was given up after 1 try" in once.summary
    assert "the worker takes no jobs" in nobody.summary


def test_a_worker_process_that_does_not_run_is_red_although_the_api_takes_the_jobs(
    bind: Any, url: str, tmp_path: Path
) -> None:
    def engine(**services: int) -> dict[str, str]:
        said = {name: {"state": "x", "replicas": 1, "ready": ready} for name, ready in services.items()}
        file = tmp_path / "status.json"
        file.write_text(json.dumps({"services": said}))
        return {"kind": "platform", "driver": "command", "status": f"cat {file}"}

    def watch(services: list[str], **ready: int) -> Any:
        asked = {"platform": "engine", "services": services, "canary": "canary"}
        return ACTION.run(bind(engine=engine(**ready), **asked), Recorder())

    alone, both = ["api"], ["api", "worker"]
    assert watch(alone, api=1).ok, "one worker is connected"
    assert "worker: x, 0 of 1 ready" in watch(both, api=1, worker=0).summary
    assert "worker: not known to the platform" in watch(both, api=1).summary
    assert (
        "1 worker(s) of automation-tasks are connected instead of 2" in watch(both, api=1, worker=1).summary
    )
    with worker_of_api(url):
        assert watch(both, api=1, worker=1).ok
        assert (
            "2 workers of automation-tasks are connected, and the platform runs 1"
            in watch(alone, api=1).summary
        )
    with pytest.raises(ValidationError, match="go together"):
        bind(services=both)


@contextmanager
def worker_of_api(url: str) -> Iterator[None]:
    with bullmq.connect(url) as client:  # a connection with a worker's name is all that the action can see
        client.client_setname(f"bull:{base64.b64encode(QUEUE.encode()).decode()}")
        yield


def test_active_jobs_that_no_worker_holds_and_delayed_jobs_after_their_time_are_reported(
    bind: Any, tmp_path: Path
) -> None:
    with valkey(tmp_path / "q") as address:
        bullmq.add_job(address, QUEUE, "bull", "canary", {})
        with bullmq.connect(address) as client:
            client.rpush(f"bull:{QUEUE}:active", "77")
            stalled = ACTION.run(bind(address, workers=0, seconds=2), Recorder())
            client.delete(f"bull:{QUEUE}:active")
            client.zadd(f"bull:{QUEUE}:delayed", {"78": (time.time() - 3600) * 1000 * 4096})
            overdue = ACTION.run(bind(address, workers=0, max_waiting=1), Recorder())
            client.set(f"bull:{QUEUE}:meta-paused", "1")
            paused = ACTION.run(bind(address, workers=0), Recorder())
    assert "1 active job(s) are held by no worker" in stalled.summary
    assert "2 jobs wait, 1 of them delayed jobs whose time is over" in overdue.summary
    assert "is paused" in paused.summary


def test_a_paused_queue_is_red_before_a_canary_is_sent(bind: Any, url: str) -> None:
    with bullmq.connect(url) as client:
        client.hset(f"bull:{QUEUE}:meta", "paused", "1")
        report = Recorder()
        try:
            outcome = ACTION.run(bind(canary="canary"), report)
        finally:
            client.hdel(f"bull:{QUEUE}:meta", "paused")
    assert not outcome.ok
    assert "is paused" in outcome.summary
    assert "canary" not in report.facts


def test_jobs_completed_in_the_watch_are_counted_although_bullmq_keeps_only_a_hundred(
    bind: Any, url: str
) -> None:
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


def test_a_failure_in_the_watch_ends_it_at_once(bind: Any, url: str) -> None:
    class Meddling(Recorder):
        def measure(self, **values: float) -> None:
            super().measure(**values)
            if len(self.points) == 1:
                bullmq.add_job(url, QUEUE, "bull", "automations.execute-step", {"stepId": "x"})

    report = Meddling()
    outcome = ACTION.run(bind(seconds=60), report)
    assert not outcome.ok
    assert "1 job(s) failed during the watch" in outcome.summary
    assert report.facts["failures"][0]["name"] == "automations.execute-step"


def test_the_watch_waits_for_a_queue_that_comes_up_late(bind: Any, tmp_path: Path) -> None:
    class Started(Recorder):
        def progress(self, done: float, total: float, what: str = "") -> None:
            if "not connected yet" in what:
                bullmq.add_job(address, QUEUE, "bull", "canary", {})

    with valkey(tmp_path / "q") as address:
        assert ACTION.run(bind(address, workers=0, patience=20), Started()).ok


def test_without_a_worker_the_limits_are_broken(bind: Any, tmp_path: Path) -> None:
    with valkey(tmp_path / "q") as address:
        nowhere = ACTION.run(bind(address, patience=0.2), Recorder())
        bullmq.add_job(address, QUEUE, "bull", "canary", {})
        alone = ACTION.run(bind(address), Recorder())
        waiting = ACTION.run(bind(address, workers=0, canary="canary", canary_seconds=0.2), Recorder())
        old = ACTION.run(bind(address, workers=0, max_oldest=0), Recorder())
        with bullmq.connect(address) as client:
            assert client.llen(f"bull:{QUEUE}:wait") == 1, "our canary was taken away again"
        full = ACTION.run(bind(address, workers=0, max_waiting=0), Recorder())
    assert "There is no queue" in nowhere.summary
    assert "0 worker(s)" in alone.summary
    assert "takes no jobs" in waiting.summary
    assert "jobs wait, the limit is 0" in full.summary
    assert "The oldest job waits for" in old.summary
    assert not any(outcome.ok for outcome in (nowhere, alone, waiting, full))


async def add_with_priority(url: str) -> None:
    queue = library.Queue(QUEUE, {"connection": url, "prefix": "bull"})
    for priority in (1, 9):
        await queue.add("canary", {}, {"priority": priority})
    await queue.close()


def test_jobs_with_a_priority_and_jobs_of_a_paused_queue_count_as_waiting(bind: Any, tmp_path: Path) -> None:
    with valkey(tmp_path / "q") as address:
        asyncio.run(add_with_priority(address))
        with bullmq.connect(address) as client:
            depth = bullmq.Queue(client, QUEUE).depth()
            assert (depth.wait, depth.prioritized, depth.waiting) == (0, 2, 2)
            assert depth.oldest_waiting > 0
            client.rpush(f"bull:{QUEUE}:paused", "7")
            assert bullmq.Queue(client, QUEUE).depth().waiting == 3
        outcome = ACTION.run(bind(address, workers=0, max_waiting=2), Recorder())
    assert "3 jobs wait, the limit is 2" in outcome.summary


def test_it_can_be_cancelled_and_leaves_nothing(bind: Any) -> None:
    with pytest.raises(Cancelled):
        ACTION.run(bind(seconds=60), Recorder(cancel_when=lambda report: bool(report.points)))
    params = bind(canary="canary")
    assert ACTION.probe(params, ACTION.before(params)).status == ProbeStatus.NOT_DONE
    assert any("canary" in line for line in ACTION.preview(params).lines)


def test_a_canary_that_a_lost_attempt_left_behind_is_found_by_its_probe(bind: Any, url: str) -> None:
    params = bind(canary="canary")
    before = ACTION.before(params)
    bullmq.add_job(url, QUEUE, "bull", "canary", {}, before["canary"])
    finding = ACTION.probe(params, before)
    assert finding.status == ProbeStatus.PARTIAL
    assert before["canary"] in finding.observed
    wait_for(lambda: bullmq.remove_job(url, QUEUE, "bull", before["canary"]))  # not while the worker has it
    assert ACTION.probe(params, before).status == ProbeStatus.NOT_DONE


def test_email_addresses_in_a_reason_are_masked() -> None:
    assert bullmq.first_line("no mailbox ada@people.invalid\nat line 1") == "no mailbox •••"


def test_workers_that_the_login_may_not_see_are_not_known(bind: Any, url: str) -> None:
    password, rights = "seen-by-nobody", ("~*", "+@all", "-client|list")
    with bullmq.connect(url) as client:
        client.execute_command("ACL", "SETUSER", "stack", "on", f">{password}", *rights)
        address = f"redis://stack:{password}@{bullmq.address(url)}"
        try:
            unknown = ACTION.run(bind(address), Recorder())
            proven = ACTION.run(bind(address, workers=0, canary="canary"), Recorder())
        finally:
            client.execute_command("ACL", "DELUSER", "stack")
    assert "is not known: NOPERM" in unknown.summary
    assert proven.ok, proven.summary
