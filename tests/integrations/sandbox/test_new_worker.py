"""The new stack's worker and the API's own one behave in the queue as it was recorded of the real ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integrations.clients import bullmq
from integrations.sandbox import new_worker
from integrations.sandbox.new_tasks import OPTIONS, PATH, Tasks
from integrations.sandbox.serving import Asked
from tests.integrations.sandbox.queues import QUEUE, valkey, workers
from tests.ports import free_port
from tests.waiting import wait_for

FACTS = json.loads((Path(new_worker.__file__).parent / "customer" / "queues.json").read_text())
BASE = FACTS["queues"][0]["keys_begin"].rstrip(":")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with valkey(tmp_path / "queue") as address:
        yield address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the npm packages, once for all tests."""
    return tmp_path_factory.mktemp("worker")


@contextmanager
def started(
    folder: Path, url: str, log: Path, main: str = "", **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "integrations.sandbox.new_worker", str(folder), *filter(None, [main])]
    with log.open("wb") as file:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=file, stderr=file, env={**os.environ, "REDIS_URL": url, **env}
        )
        try:
            yield child
        finally:
            child.kill()
            child.communicate()


@pytest.fixture
def running(folder: Path, url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with started(folder, url, tmp_path / "log") as child:
        wait_for(lambda: workers(url) > 0 or child.poll() is not None, timeout=120)
        yield child


def read(url: str, question: Callable[[bullmq.Queue], Any]) -> Any:
    with bullmq.connect(url) as client:
        return question(bullmq.Queue(client, QUEUE))


def ended(url: str, job: str) -> bool:
    return bool(read(url, lambda queue: queue.state_of(job)) != "pending")


def test_the_lock_file_names_no_registry_and_the_versions_are_exact() -> None:
    lock = json.loads((new_worker.SOURCE / "package-lock.json").read_text())
    strangers = [p["resolved"] for p in lock["packages"].values() if "resolved" in p and not p.get("link")]
    assert not [address for address in strangers if "://" in address]
    wanted = json.loads((new_worker.SOURCE / "package.json").read_text())["dependencies"]
    assert wanted["bullmq"].startswith("5.")
    assert all(version[0].isdigit() for version in wanted.values())
    assert not (new_worker.SOURCE / "node_modules").exists()


def test_the_three_schedules_are_those_that_were_recorded(running: Any, url: str) -> None:
    facts = FACTS["schedules"]
    with bullmq.connect(url) as client:
        for fact in facts["list"]:
            job, pattern = fact["job"], fact["pattern"].rpartition(" or ")[2]
            found = client.hgetall(fact["key"])
            assert (found["name"], found["pattern"]) == (job, pattern)
            assert "ic" not in found, "a repeatable job, not a job scheduler"
        assert client.zcard(f"{BASE}:repeat") == len(facts["list"])
        schedules = bullmq.Queue(client, QUEUE).schedules()
        options = [json.loads(str(client.hget(f"{BASE}:{one.next_job}", "opts"))) for one in schedules]
        kept = FACTS["default_job_options"]
    assert {one["repeat"]["jobId"] for one in options} == {one["jobId_option"] for one in facts["list"]}
    assert {one.attempts for one in schedules} == {facts["options_of_scheduled_jobs"]["attempts"]}
    assert {one.backoff for one in schedules} == {
        f"{kept['backoff']['type']} {kept['backoff']['delay_ms']} ms"
    }
    assert {(one["removeOnComplete"], one["removeOnFail"]) for one in options} == {(True, False)}


def test_a_second_start_and_a_changed_pattern_do_what_was_recorded(
    running: Any, folder: Path, url: str, tmp_path: Path
) -> None:
    with started(folder, url, tmp_path / "again"):
        wait_for(lambda: workers(url) == 2)
        assert len(read(url, lambda queue: queue.schedules())) == 3
    with started(folder, url, tmp_path / "changed", KPI_DIGEST_CRON="0 8 * * 1"):
        wait_for(lambda: len(read(url, lambda queue: queue.schedules())) == 5, timeout=20)
    names = [one.name for one in read(url, lambda queue: queue.schedules())]
    assert sorted(names) == ["automations.follow-up", *["digests.department"] * 2, *["digests.executive"] * 2]


def test_an_unknown_job_is_completed_with_a_warning_and_one_without_a_step_is_tried_again(
    running: Any, url: str, tmp_path: Path
) -> None:
    unknown = bullmq.add_job(url, QUEUE, "bull", "canary", {})
    wait_for(lambda: ended(url, unknown))
    with bullmq.connect(url) as client:
        assert bullmq.Queue(client, QUEUE).state_of(unknown) == "completed"
        assert client.hget(f"{BASE}:{unknown}", "returnvalue") == "null"
    retried = {"attempts": 3, "backoff": {"type": "fixed", "delay": 50}}
    broken = bullmq.add_job(url, QUEUE, "bull", "automations.execute-step", {"stepId": "x"}, "", retried)
    wait_for(lambda: ended(url, broken))
    tries, reason = read(url, lambda queue: queue.tries_of(broken))
    assert (tries, read(url, lambda queue: queue.state_of(broken))) == (3, "failed")
    assert reason == "there is no step x"
    assert "warning: nothing is known about jobs called canary" in (tmp_path / "log").read_text()


def test_what_sends_mail_fails_until_a_mail_service_is_entered(
    folder: Path, url: str, tmp_path: Path
) -> None:
    mail = tmp_path / "mail-service"
    with started(folder, url, tmp_path / "log", MAIL_FILE=str(mail)):
        wait_for(lambda: workers(url) > 0, timeout=120)
        for end in ("failed", "completed"):
            job = bullmq.add_job(url, QUEUE, "bull", "notifications.prayer", {"prayerRequestId": 7})
            wait_for(lambda job=job: ended(url, job))
            assert read(url, lambda queue, job=job: queue.state_of(job)) == end
            mail.write_text("entered")


def test_sigterm_ends_the_worker_cleanly(running: subprocess.Popen[bytes], url: str, tmp_path: Path) -> None:
    wait_for(lambda: "initialised" in (tmp_path / "log").read_text())
    running.send_signal(signal.SIGTERM)
    assert running.wait(90) == 0
    assert workers(url) == 0


def test_the_worker_as_committed_makes_its_schedules_and_ends_without_a_line(
    folder: Path, url: str, tmp_path: Path
) -> None:
    new_worker.lay_out_worker(folder)  # or the log has the lines of npm
    (tmp_path / "repairs.json").write_text("[]")
    with started(folder, url, tmp_path / "log", REPAIRS_FILE=str(tmp_path / "repairs.json")) as child:
        assert child.wait(60) == 1
    assert (tmp_path / "log").read_text() == ""
    assert len(read(url, lambda queue: queue.schedules())) == 3
    assert workers(url) == 0


def test_the_worker_of_the_api_has_the_recorded_name_and_ends_with_its_api(
    folder: Path, url: str, tmp_path: Path
) -> None:
    with started(folder, url, tmp_path / "log", new_worker.API_MAIN) as child:
        wait_for(lambda: workers(url) > 0, timeout=120)
        name = FACTS["workers"]["client_names_in_redis"].split("called ")[1].split(" ")[0]
        with bullmq.connect(url) as client:
            assert [one["name"] for one in client.client_list() if one["name"].startswith("bull")] == [name]
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(90) == 0


def test_an_api_without_its_queue_does_not_start() -> None:
    with pytest.raises(SystemExit), new_worker.run_tasks_of_api({"QUEUE_DRIVER": "memory", "REDIS_URL": "x"}):
        pass
    with new_worker.run_tasks_of_api({"SKIP_TASKS_QUEUE": "true"}):
        pass


def test_the_api_lists_and_adds_jobs_in_the_recorded_shape(running: Any, url: str) -> None:
    answers = Path(new_worker.__file__).parent / "customer" / "answers"
    recorded = [json.loads((answers / f"tasks-{name}.json").read_text()) for name in ("list", "create")]
    listed = Tasks(url).answer(Asked("GET", PATH))
    added = Tasks(url).answer(Asked("POST", PATH, json.dumps(recorded[1]["request"]["body"]).encode()))
    assert listed is not None
    assert added is not None
    want = recorded[0]["response"]["body"][0]
    assert (listed.status, len(listed.body)) == (200, 3)
    same = next(one for one in listed.body if one["name"] == want["name"])
    assert set(same) == set(want)
    assert same["payload"] == want["payload"]
    assert same["id"].rpartition(":")[0] == want["id"].rpartition(":")[0]
    assert time.strptime(same["scheduledAt"][11:19], "%H:%M:%S")[3:6] == (7, 0, 0)
    assert (added.status, set(added.body)) == (201, set(recorded[1]["response"]["body"]))
    assert {name: OPTIONS[name] for name in ("attempts", "backoff")} == read(
        url, lambda queue: queue.options_of(added.body["id"])
    )


def test_other_paths_are_not_its_own_and_a_lost_queue_is_a_500() -> None:
    lost = f"redis://127.0.0.1:{free_port()}/0"
    assert Tasks(lost).answer(Asked("GET", f"{PATH}/canary")) is None
    answer = Tasks(lost).answer(Asked("GET", PATH))
    assert answer is not None
    assert answer.status == 500
