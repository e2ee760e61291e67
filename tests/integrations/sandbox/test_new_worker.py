"""The real worker does the API's canary, says so in its log, and ends with the job in hand done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutover.embedded import free_port
from integrations.clients import bullmq
from integrations.sandbox import new_worker
from integrations.sandbox.new_tasks import PATH, Tasks
from integrations.sandbox.serving import Asked
from tests.integrations.sandbox.estates import until
from tests.integrations.sandbox.queues import QUEUE, valkey, workers


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("tasks")) as address:
        yield address


def test_the_lock_file_names_no_registry_and_the_versions_are_exact() -> None:
    lock = json.loads((new_worker.SOURCE / "package-lock.json").read_text())
    strangers = [p["resolved"] for p in lock["packages"].values() if "resolved" in p and not p.get("link")]
    assert not [address for address in strangers if "://" in address]
    wanted = json.loads((new_worker.SOURCE / "package.json").read_text())["dependencies"]
    assert wanted["bullmq"].startswith("5.")
    assert all(version[0].isdigit() for version in wanted.values())
    assert not (new_worker.SOURCE / "node_modules").exists()


def test_a_canary_of_the_api_is_done_and_sigterm_ends_the_worker_cleanly(url: str, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "integrations.sandbox.new_worker", str(tmp_path / "worker")]
    log = (tmp_path / "log").open("wb")
    child = subprocess.Popen(argv, env={**os.environ, "REDIS_URL": url}, stdout=log, stderr=log)
    try:
        until(lambda: workers(url) > 0 or child.poll() is not None, 120)
        answer = Tasks(url).answer(Asked("POST", PATH, b'{"from": "a test"}'))
        assert answer is not None
        assert answer.status == 201
        with bullmq.connected(url) as client:
            queue = bullmq.Queue(client, QUEUE)
            until(lambda: queue.state_of(answer.body["id"]) == "completed")
            assert json.loads(str(client.hget(queue.key(answer.body["id"]), "returnvalue"))) == {
                "echoed": {"from": "a test"}
            }
            ids = {one.id for one in queue.schedules()}
        assert ids == {"prayer-notifications", "kpi-digest", "automations"}
        child.send_signal(signal.SIGTERM)
        assert child.wait(15) == 0
    finally:
        child.kill()
        child.wait()
        log.close()
    assert f"job {answer.body['id']} (canary) done" in (tmp_path / "log").read_text()
    assert workers(url) == 0


def test_other_paths_are_not_its_own_and_a_lost_queue_is_a_503(url: str) -> None:
    assert Tasks(url).answer(Asked("GET", PATH)) is None
    assert Tasks(url).answer(Asked("POST", "/tasks")) is None
    broken = Tasks(url).answer(Asked("POST", PATH, b"[1]"))
    lost = Tasks(f"redis://127.0.0.1:{free_port()}/0").answer(Asked("POST", PATH))
    assert broken is not None
    assert lost is not None
    assert (broken.status, lost.status) == (400, 503)
