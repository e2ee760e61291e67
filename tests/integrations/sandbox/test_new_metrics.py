"""The recorded API exports no metrics; with the repair they have the numbers of its answers and its queue."""

from __future__ import annotations

from pathlib import Path

from integrations.clients import bullmq
from integrations.sandbox.new_metrics import PATH, Measured
from integrations.sandbox.repairs import AppliedRepairs, Profile
from integrations.sandbox.serving import Answer, Asked
from tests.integrations.sandbox.queues import QUEUE, valkey
from tests.ports import free_port


def test_metrics_come_with_their_repair(tmp_path: Path) -> None:
    repairs = AppliedRepairs(tmp_path / "repairs.json")
    repairs.begin(Profile.RECORDED)
    with valkey(tmp_path / "queue") as url:
        api = Measured(lambda asked: Answer(404), {"REPAIRS_FILE": str(repairs.path), "REDIS_URL": url})
        assert api(Asked("GET", PATH)).status == 404
        repairs.apply("no-metrics")
        bullmq.add_job(url, QUEUE, "bull", "x", {})
        lines = api(Asked("GET", PATH)).body.splitlines()
    assert 'http_requests_total{status="404"} 1' in lines
    assert f'bullmq_jobs_waiting{{queue="{QUEUE}"}} 1' in lines
    assert f'bullmq_jobs_failed{{queue="{QUEUE}"}} 0' in lines


def test_a_lost_queue_leaves_its_metrics_out(tmp_path: Path) -> None:
    repairs = AppliedRepairs(tmp_path / "repairs.json")
    repairs.begin(Profile.REPAIRED)
    lost = {"REPAIRS_FILE": str(repairs.path), "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    assert "bullmq" not in Measured(lambda asked: Answer(200), lost)(Asked("GET", PATH)).body
